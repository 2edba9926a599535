"""One picture file to an array, whatever its format, orientation, depth and transparency."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ganzoo_datasets.options import PictureFolderOptions

# What a file is, is read from its bytes; formats beyond these (such as EPS, which starts a program) are refused.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

# What Pillow and zipfile raise at damaged, encrypted or hostile files.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    BadZipFile,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def decode(content: bytes, options: PictureFolderOptions) -> NDArray[np.uint8]:
    """The picture as uint8 [C, H, W], upright, on white where it is transparent, of an animation the first frame.

    Raises one of DAMAGE for what is no picture.
    """
    with opened(content) as image:
        if options.size:
            # JPEG can be decoded at 1/2, 1/4, 1/8: much faster, and twice the side leaves the quality to `resized`.
            image.draft(None, (2 * options.size, 2 * options.size))
        ImageOps.exif_transpose(image, in_place=True)
        plain = resized(opaque(eight_bits(image), "RGB" if options.channels == 3 else "L"), options)
    pixels = np.asarray(plain)  # [H, W] or [H, W, 3]
    return pixels[None] if options.channels == 1 else pixels.transpose(2, 0, 1)


def opened(content: bytes) -> Image.Image:
    """Raises UnidentifiedImageError, in words about the file and not about our buffer, for what is no picture."""
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UnidentifiedImageError(
            f"it is damaged, or no picture of a known format ({', '.join(FORMATS)})"
        ) from error


def eight_bits(image: Image.Image) -> Image.Image:
    """Greys of 16 bits in 0…65535 to 0…255; other pictures as they are.

    Raises ValueError for numbers whose white is unknown.
    """
    if image.mode == "F":
        raise ValueError("its greys are floating-point numbers, and what is white is not known")
    if not image.mode.startswith("I"):
        return image
    greys = np.asarray(image).astype(np.int64)
    if greys.min() < 0 or greys.max() > 65535:
        raise ValueError("its greys have 32 bits, and what is white is not known")
    return Image.fromarray(((greys + 128) // 257).astype(np.uint8))


def opaque(image: Image.Image, mode: str) -> Image.Image:
    """The picture in `mode`, "L" or "RGB", laid on white paper where it is transparent."""
    if not image.has_transparency_data:
        return image.convert(mode)
    colours = image.convert("RGBA")
    paper = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(paper, colours).convert(mode)


def resized(image: Image.Image, options: PictureFolderOptions) -> Image.Image:
    """`options.size` squared, of the middle square or squashed. Lanczos filters out what is finer than a pixel."""
    if not options.size:
        return image
    square = (options.size, options.size)
    if options.crop == "center":
        return ImageOps.fit(image, square, Image.Resampling.LANCZOS)
    return image.resize(square, Image.Resampling.LANCZOS)


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Pillow only warns of pictures so huge that they must be an attack; and it warns of trifles, file by file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
