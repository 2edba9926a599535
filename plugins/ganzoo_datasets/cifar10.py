"""CIFAR-10: the archive of its authors, unpacked or not, or pictures by class.

Krizhevsky (2009), https://www.cs.toronto.edu/~kriz/cifar.html, which also describes the binary format: records of one
byte for the label and 3,072 for the red, green and blue pixels. The version for Python is not read: its pickles could
run any code.
"""

import gzip
import tarfile
import zlib
from contextlib import closing
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.decoding import strict_pillow
from ganzoo_datasets.idx import damaged
from ganzoo_datasets.options import Cifar10Options, PictureFolderOptions
from ganzoo_datasets.picture_folder import decoded
from ganzoo_datasets.picture_rows import Unreadable
from ganzoo_datasets.pictures import Picture, pictures_in

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then all red, all green and all blue pixels, row by row
BATCHES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
FOLDER = "cifar-10-batches-bin"  # in the archive
ARCHIVES = ("cifar-10-binary.tar.gz", "cifar-10-binary.tar")
PICKLES = "data_batch_1"  # what is in the version for Python
REMEDY = "take cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html"


def open_cifar10(source: Source, options: Cifar10Options) -> Data:
    """Pictures uint8 [N, 3, 32, 32] in 0…255, labels 0…9.

    Pictures by class that are named themselves are taken whole, whatever `options.split` says. Of them a limit keeps
    an even share of each class, of the batches the first. Raises BadData for what is damaged, incomplete or other data.
    """
    assert source.path is not None, "a data set with files is given their place"
    place = find(source.path, options.split)
    names = BATCHES[options.split]
    if place.name.endswith((".tar.gz", ".tgz", ".tar")):
        return from_batches(batches_of_archive(place, names), place, options.limit)
    if has_batches(place):
        return from_batches(batches_of_folder(place, names), place, options.limit)
    return from_pictures(place, source, options.limit)


def find(path: Path, split: str) -> Path:
    """What holds the pictures, at `path` or below it: an archive, a folder of batches, or pictures by class."""
    for folder in (path, path / "cifar10"):
        if has_batches(folder) or has_batches(folder / FOLDER):
            return folder if has_batches(folder) else folder / FOLDER
        for name in (*ARCHIVES, f"{split}.zip", split):
            if (folder / name).exists():
                return folder / name
        if (folder / PICKLES).exists():
            raise pickled(folder)
    return path


def has_batches(folder: Path) -> bool:
    return any((folder / name).is_file() for names in BATCHES.values() for name in names)


# The binary version


def batches_of_folder(folder: Path, names: tuple[str, ...]) -> list[bytes]:
    """The contents of the files called `names`."""
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise lacking(folder, absent)
    return [(folder / name).read_bytes() for name in names]


def batches_of_archive(path: Path, names: tuple[str, ...]) -> list[bytes]:
    """The same from a .tar, packed or not; nothing is unpacked onto the disk."""
    found: dict[str, bytes] = {}
    others = set()
    try:
        with tarfile.open(path, "r:" if path.suffix == ".tar" else "r:gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                others.add(name)
                file = archive.extractfile(member) if name in names and member.isfile() else None
                if file is not None:
                    found[name] = file.read()
                if len(found) == len(names):
                    break
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged(path, f"it cannot be unpacked ({error})") from error
    if not found and PICKLES in others:
        raise pickled(path)
    absent = [name for name in names if name not in found]
    if absent:
        raise lacking(path, absent)
    return [found[name] for name in names]


def from_batches(batches: list[bytes], place: Path, limit: int) -> Data:
    """Records to pictures and labels."""
    for content in batches:
        if not content or len(content) % RECORD:
            raise damaged(place, f"a batch has {len(content):,} bytes, which are no records of {RECORD:,}")
    records = np.concatenate([np.frombuffer(content, np.uint8) for content in batches]).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASSES):
        raise damaged(place, f"it holds the label {labels.max()}, but there are {len(CLASSES)} classes")
    count = limit or len(records)
    return Data(records[:count, 1:].reshape(-1, *SHAPE), labels[:count], CLASSES)


def lacking(path: Path, names: list[str]) -> BadData:
    return BadData(f"{path} lacks {', '.join(names)}; {REMEDY}.")


def pickled(path: Path) -> BadData:
    return BadData(f"{path} is CIFAR-10 for Python, whose files could run any code; {REMEDY}.")


# Pictures by class


def from_pictures(place: Path, source: Source, limit: int) -> Data:
    """A folder or .zip with one folder for each class. Raises BadData where it is no CIFAR-10."""
    pictures = pictures_in(place)
    classes = tuple(sorted({picture.group for picture in pictures}))
    if classes != CLASSES:
        raise BadData(
            f"{place} has {some(classes)}, and not the ten classes of CIFAR-10; "
            "to train on pictures of your own, use --dataset picture-folder."
        )
    if 0 < limit < len(pictures):
        pictures = [pictures[number * len(pictures) // limit] for number in range(limit)]
    labels = np.array([CLASSES.index(picture.group) for picture in pictures], np.int64)
    return Data(read_pictures(pictures, source), labels, CLASSES)


def some(classes: tuple[str, ...]) -> str:
    """The first classes, in words."""
    if classes == ("",):
        return "no folders for classes"
    return f"the classes {', '.join(name or 'none' for name in classes[:3])}{', …' if len(classes) > 3 else ''}"


def read_pictures(pictures: list[Picture], source: Source) -> NDArray[np.uint8]:
    """Samples [N, 3, 32, 32]. Raises BadData for a picture that is broken or of another size."""
    samples = np.empty((len(pictures), *SHAPE), np.uint8)
    with strict_pillow(), closing(decoded(pictures, PictureFolderOptions())) as results:
        pairs = zip(source.track(pictures, "Reading pictures"), results, strict=True)
        for row, (picture, pixels) in enumerate(pairs):
            if isinstance(pixels, Unreadable):
                raise BadData(f"The picture {picture.name} cannot be read: {pixels.problem}. Copy it anew.")
            if pixels.shape != SHAPE:
                raise BadData(
                    f"The picture {picture.name} has {pixels.shape[2]}×{pixels.shape[1]} pixels, and those of CIFAR-10 "
                    "have 32×32; to train on pictures of other sizes, use --dataset picture-folder."
                )
            samples[row] = pixels
    return samples
