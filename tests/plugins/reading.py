"""Read one of the zoo's data sets as the trainer does; draw and pack pictures for it."""

import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

import ganzoo_datasets
from ganzoo.core.options import parse_options
from ganzoo.core.specs import Data, DatasetSpec
from ganzoo.data.fetch import load


def spec_of(name: str) -> DatasetSpec:
    (spec,) = (spec for spec in ganzoo_datasets.ganzoo_datasets() if spec.name == name)
    return spec


def read(name: str, /, path: Path | None = None, stream: Any = "auto", **options: Any) -> Data:
    """Options parsed, files found, result checked."""
    spec = spec_of(name)
    return load(spec, parse_options(spec.options, options, "dataset"), path, lambda items, _title: items, stream)


def idx_bytes(array: Any) -> bytes:
    """A file of bytes as MNIST's are: magic number, dimensions, values."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def draw(
    path: Path, colour: Any = (255, 0, 0), size: tuple[int, int] = (4, 4), mode: str = "RGB", **options: Any
) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def read_pictures(path: Path, **options: Any) -> Any:
    return read("picture-folder", path, **options)


def pack(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, prefix + path.relative_to(folder).as_posix())
    return archive
