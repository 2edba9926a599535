"""Samples as one file that a person can look at: pictures as a grid, points as a scatter plot."""

from math import ceil, isqrt
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.core.files import written_whole
from ganzoo.sampling.scatter import draw_scatter

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
LARGEST = {"PNG": 2**31 - 1, "JPEG": 65500, "WEBP": 16383}  # pixels on a side, as the formats allow
SMALLEST = 48  # pixels; smaller pictures are enlarged to at least this
GAP = 2  # pixels between pictures
BACKGROUND = 255
TITLE_HEIGHT = 20  # pixels


def save_grid(samples: np.ndarray, path: Path, title: str | None = None, reference: np.ndarray | None = None) -> None:
    """Pictures uint8 [N, H, W, C] as a grid, or points float32 [N, D] as a plot of the first two coordinates.

    The suffix of `path` chooses the format; `.npy` holds `samples` as they are. `reference`, points alone, is drawn
    in grey behind them. Raises UsageError for another suffix, and GanzooError for samples that cannot be drawn.
    """
    if samples.ndim not in (2, 4) or not samples.size:
        raise GanzooError(f"There is nothing to draw in samples of shape {list(samples.shape)}.")
    suffix = checked_suffix(path)
    if suffix == ".npy":
        save_array(samples, path)
        return
    picture = draw_grid(samples) if samples.ndim == 4 else draw_scatter(samples, reference)
    save_picture(with_title(picture, title) if title else picture, path, FORMATS[suffix])


def checked_suffix(path: Path) -> str:
    """In small letters. Raises UsageError for one that names no format, and so before anything is drawn."""
    suffix = path.suffix.lower()
    if suffix not in (*FORMATS, ".npy"):
        raise UsageError(f"Cannot write {str(path)!r}; end its name in {', '.join(FORMATS)} or .npy.")
    return suffix


def save_array(samples: np.ndarray, path: Path) -> None:
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, samples, allow_pickle=False)


def save_picture(picture: Image.Image, path: Path, kind: str) -> None:
    """Raises GanzooError where the format cannot hold a picture of that size."""
    if max(picture.size) > LARGEST[kind]:
        width, height = picture.size
        raise GanzooError(f"{kind} ends at {LARGEST[kind]} pixels, and this is {width} × {height}; write a .png.")
    with written_whole(path) as unfinished:
        picture.save(unfinished, kind, quality=95)  # the unfinished file's name says nothing of its format


def draw_grid(pictures: UInt8[np.ndarray, "batch height width channels"], *, enlarge: bool = True) -> Image.Image:
    """Row by row, as square as possible, 2 pixels apart.

    Small pictures are enlarged by a whole factor, so that each pixel shows, unless `enlarge` is off.
    """
    pictures = enlarged(drawable(pictures)) if enlarge else drawable(pictures)
    count, height, width, channels = pictures.shape
    columns = isqrt(count - 1) + 1  # √N, rounded up
    rows = ceil(count / columns)
    canvas = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), BACKGROUND, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)


def drawable(pictures: np.ndarray) -> UInt8[np.ndarray, "batch height width 1|3"]:
    """Grey or RGB: two channels become red and green, of many the first three. Raises GanzooError for other types."""
    channels = pictures.shape[-1]
    if pictures.dtype != np.uint8:
        raise GanzooError(f"A grid is drawn from uint8 [N, H, W, C], not from {pictures.dtype}; use `to_uint8` first.")
    return np.pad(pictures, [(0, 0), (0, 0), (0, 0), (0, 1)]) if channels == 2 else pictures[..., :3]


def enlarged(pictures: np.ndarray) -> np.ndarray:
    """Each pixel repeated, until the smaller side has at least 48 pixels."""
    factor = ceil(SMALLEST / min(pictures.shape[1:3]))
    return pictures.repeat(factor, 1).repeat(factor, 2) if factor > 1 else pictures


def with_title(picture: Image.Image, title: str) -> Image.Image:
    """The picture under a line of ASCII text, which is what Pillow's own font has; a longer text widens it."""
    font = ImageFont.load_default()
    width = max(picture.width, ceil(font.getlength(title)) + 2 * GAP)
    result = Image.new(picture.mode, (width, picture.height + TITLE_HEIGHT), "white")
    ImageDraw.Draw(result).text((GAP, GAP), title, fill="black", font=font)
    result.paste(picture, (0, TITLE_HEIGHT))
    return result
