"""What a plugin returns is checked before anyone trains on it, and has a digest that tells it from others."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from toy import silent, spec_of

from ganzoo.core.errors import BadData, BadPlugin, GanzooError
from ganzoo.core.specs import Data, NoOptions, Source
from ganzoo.data.check import digest
from ganzoo.data.fetch import load

PICTURES = np.zeros((2, 1, 3, 4), np.uint8)
POINTS = np.zeros((2, 5), np.float32)


def loaded(data: object) -> Data:
    return load(spec_of(files=(), open=lambda source, options: data), NoOptions(), None, silent)


@pytest.mark.parametrize(
    "data",
    [
        Data(PICTURES),
        Data(np.zeros((2, 5, 3, 4), np.uint8), np.array([0, 1]), ("a", "b")),
        Data(POINTS, np.array([0, 0]), ("a",)),
    ],
)
def test_data_that_keeps_the_contract_is_handed_on(data: Data) -> None:
    assert digest(loaded(data)) == digest(data)


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (None, BadPlugin, "did not return a Data"),
        (Data(PICTURES.astype(np.int64)), BadPlugin, r"int64 \[2, 1, 3, 4\]"),
        (Data(PICTURES[0]), BadPlugin, r"uint8 \[1, 3, 4\]"),
        (Data(POINTS.astype(np.float64)), BadPlugin, "float64"),
        (Data(PICTURES.astype(np.float32)), BadPlugin, "float32"),
        (Data(PICTURES[:0]), BadData, "empty"),
        (Data(np.full((2, 5), np.nan, np.float32)), BadData, "infinite or no numbers"),
        (Data(PICTURES, np.array([0, 2]), ("a", "b")), BadPlugin, "from 0 to 2, but 2 classes"),
        (Data(PICTURES, np.array([-1, 0]), ("a", "b")), BadPlugin, "from -1"),
        (Data(PICTURES, np.array([0]), ("a",)), BadPlugin, r"int64 \[1\]"),
        (Data(PICTURES, np.array([0, 0], np.uint8), ("a",)), BadPlugin, "uint8"),
        (Data(PICTURES, None, ("a",)), BadPlugin, "no labels"),
    ],
)
def test_data_that_breaks_the_contract_is_refused(data: object, error: type[GanzooError], told: str) -> None:
    with pytest.raises(error, match=told):
        loaded(data)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/x"), MemoryError()])
def test_what_the_machine_refuses_is_explained(error: Exception) -> None:
    def fail(_source: Source, _options: object) -> Data:
        raise error

    with pytest.raises(BadData, match="'toy'"):
        load(spec_of(files=(), open=fail), NoOptions(), None, silent)


def test_samples_can_be_written_to() -> None:
    """torch warns of arrays that cannot."""
    samples = np.frombuffer(bytes(12), np.uint8).reshape(1, 1, 3, 4)

    assert loaded(Data(samples)).samples.flags.writeable


def test_the_digest_is_that_of_shapes_types_and_bytes() -> None:
    data = Data(np.array([[1.5, 2]], np.float32), np.array([0]), ("a",))
    written = b"float32[1, 2];" + b"\0\0\xc0\x3f\0\0\0\x40" + b"int64[1];" + bytes(8)

    assert digest(data) == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: Data(d.samples.reshape(2, 1, 4, 3), d.labels, d.classes),
        lambda d: Data(d.samples.view(np.int8), d.labels, d.classes),
        lambda d: Data(d.samples + np.uint8(1), d.labels, d.classes),
        lambda d: Data(d.samples, d.labels + 1, d.classes),
        lambda d: Data(d.samples),
    ],
)
def test_other_data_has_another_digest(change: Callable[[Data], Data]) -> None:
    data = Data(PICTURES, np.array([0, 0]), ("a", "b"))

    assert digest(change(data)) != digest(data)


def test_the_digest_does_not_depend_on_how_memory_is_laid_out() -> None:
    samples = np.arange(20, dtype=np.float32).reshape(4, 5)
    labels = np.arange(4)
    strided = np.asfortranarray(samples)
    swapped = labels.astype(labels.dtype.newbyteorder())

    assert digest(Data(strided, swapped)) == digest(Data(samples, labels))
