"""The Toronto Face Database, which its owners give on request: grey faces of 48×48 pixels, from the user's file.

Susskind, Anderson, Hinton (2010), The Toronto Face Database, technical report UTML TR 2010-001. Its own file,
TFD_48x48.mat, calls the pictures `images`.
"""

import numpy as np

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.arrays import as_bytes, names_in, read_array
from ganzoo_datasets.options import TfdOptions

SIDE = 48  # pixels
IMAGES = "images"


def open_tfd(source: Source, options: TfdOptions) -> Data:
    """Pictures uint8 [N, 1, 48, 48] in 0…255 without labels, which most of the faces do not have.

    Reads [N, 48, 48] or [N, 2304], uint8 or floats in [0, 1] or [-1, 1], from a .mat, .npz or .npy. Raises BadData for
    all else.
    """
    assert source.path is not None, "a data set that takes a path is given one"
    path = source.path
    names = names_in(path)
    name = names[0] if len(names) == 1 else IMAGES
    if name not in names:
        raise BadData(f"{path} holds {', '.join(names) or 'no array'}; the faces must be in an array called {IMAGES}.")
    faces = read_array(path, name)
    if faces.shape[1:] not in ((SIDE, SIDE), (SIDE * SIDE,)):
        raise BadData(
            f"The faces in {path} have the shape {list(faces.shape)}, and those of the Toronto Face Database "
            f"[N, {SIDE}, {SIDE}] or [N, {SIDE * SIDE}]; take the file for {SIDE}×{SIDE} pixels."
        )
    pixels = as_bytes(faces, options.limit, f"The faces in {path}")
    return Data(np.asarray(pixels).reshape(-1, 1, SIDE, SIDE))
