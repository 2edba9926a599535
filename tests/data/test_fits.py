"""What fits into memory is read at once; what does not is read when it is asked for, and is the same data."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import silent, spec_of

from ganzoo.core.errors import BadData, BadPlugin, GanzooError
from ganzoo.core.specs import Data, NoOptions, Rows, Source
from ganzoo.data import memory
from ganzoo.data.check import digest
from ganzoo.data.fetch import load

T = TypeVar("T")
PICTURES = np.random.default_rng(0).integers(0, 256, (7, 1, 3, 4), np.uint8)
LABELS = np.arange(7) % 2


class ToyRows:
    """Rows of an array; `shape`, `dtype` and length are what they say."""

    def __init__(self, samples: np.ndarray, *, shape: Any = None, length: int | None = None) -> None:
        self.samples = samples
        self.shape = samples.shape if shape is None else shape
        self.dtype = samples.dtype
        self.length = len(samples) if length is None else length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        return self.samples[index]

    def digest(self) -> str:
        return "toy"


def loaded(data: Data, stream: Any = "auto", track: Any = silent) -> Data:
    return load(spec_of(files=(), open=lambda source, options: data), NoOptions(), None, track, stream)


def mapped(samples: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "samples.npy", samples)
    return np.load(folder / "samples.npy", mmap_mode="r")


# What is read at once


@pytest.mark.parametrize(("stream", "lazy"), [("never", False), ("always", True)])
def test_the_user_decides(tmp_path: Path, stream: str, lazy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is free."""
    for free in (0, 10**9):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        for samples in (ToyRows(PICTURES), mapped(PICTURES, tmp_path)):
            data = loaded(Data(samples, LABELS, ("a", "b")), stream)
            assert memory.is_lazy(data.samples) == lazy
            np.testing.assert_array_equal(data.samples[np.arange(7)], PICTURES)
            np.testing.assert_array_equal(data.labels, LABELS)


@pytest.mark.parametrize(
    ("free", "processes", "lazy"),
    [(2 * 84, "1", False), (2 * 84 - 1, "1", True), (4 * 84, "2", False), (4 * 84 - 1, "2", True)],
)
def test_half_of_what_is_free_is_shared_by_the_processes(
    free: int, processes: str, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures have 84 bytes; torchrun says how many processes there are on this machine."""
    monkeypatch.setattr(memory, "free_memory", lambda: free)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    assert memory.is_lazy(loaded(Data(ToyRows(PICTURES))).samples) == lazy


def test_a_plugin_is_told_what_fits() -> None:
    said: list[bool] = []

    def open_toy(source: Source, _options: object) -> Data:
        said.append(source.fits(1))
        return Data(PICTURES)

    spec = spec_of(files=(), open=open_toy)
    for stream in ("never", "auto", "always"):
        load(spec, NoOptions(), None, silent, stream)
    assert said == [True, True, False]


def test_arrays_in_memory_stay_there() -> None:
    assert not memory.is_lazy(loaded(Data(PICTURES), "always").samples)


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[1:, :, ::2], np.asarray, lambda a: a.transpose(0, 1, 3, 2)])
def test_views_of_a_mapped_file_are_on_the_disk(tmp_path: Path, view: Any) -> None:
    assert memory.is_lazy(view(mapped(PICTURES, tmp_path)))
    assert not memory.is_lazy(view(PICTURES))


def test_a_mapped_file_is_not_copied_into_memory(tmp_path: Path) -> None:
    """Not even because torch would warn of arrays that cannot be written to."""
    samples = mapped(PICTURES, tmp_path)
    assert loaded(Data(samples), "always").samples is samples
    held = loaded(Data(samples), "never").samples
    assert held.flags.writeable
    assert held.flags.c_contiguous


@given(st.integers(1, 50), st.integers(1, 40))
def test_pieces_are_all_samples_in_order(count: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PIECE", 64)
        found = memory.pieces(np.zeros((count, size), np.uint8))
    assert [number for rows in found for number in rows] == list(range(count))
    assert all(len(rows) == 1 or len(rows) * size <= 64 for rows in found)


def test_reading_is_shown() -> None:
    seen: list[str] = []

    def track(items: Iterable[T], title: str) -> Iterable[T]:
        seen.append(title)
        return items

    loaded(Data(ToyRows(PICTURES)), "never", track)
    assert seen == ["Reading samples"]


def test_what_is_free_is_less_than_the_machine_has_and_more_than_nothing() -> None:
    assert 2**20 < memory.free_memory() < 2**50


STAT = "anon 700\ninactive_anon 600\nactive_anon 100\ninactive_file 150\nactive_file 50\n"
CONTAINERS = {
    "version 2": ({"memory.max": "4096", "memory.current": "1000", "memory.stat": STAT}, 4096 - (1000 - 150 - 50)),
    "version 1, where parts count without and with what lies below": (
        {
            "memory/memory.limit_in_bytes": "4096",
            "memory/memory.usage_in_bytes": "1000",
            "memory/memory.stat": STAT + "total_inactive_file 300\ntotal_active_file 100\n",
        },
        4096 - (1000 - 300 - 100),
    ),
    "version 2 that says no more than the limit": ({"memory.max": "4096"}, 4096),
    "version 2 that does not say what its use consists of": ({"memory.max": "4096", "memory.current": "1000"}, 3096),
    "version 2 that holds nothing but files": (
        {"memory.max": "4096", "memory.current": "100", "memory.stat": STAT},
        4096,
    ),
    "version 2 that is full": ({"memory.max": "4096", "memory.current": "4096"}, 0),
    "version 2 without a limit": ({"memory.max": "max", "memory.current": "10000"}, 10**6),
    "version 1 without a limit": (
        {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "10000"},
        10**6,
    ),
    "no container": ({}, 10**6),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_container_has_what_its_limit_leaves_beside_what_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    """Files that it has read count as used, but would be let go of. The machine has 10⁶ bytes free."""
    files, expected = CONTAINERS[container]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    assert memory.free_memory() == expected


def test_a_system_that_says_little_is_asked_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> Any:
        raise OSError

    monkeypatch.setattr(Path, "read_text", fail)
    monkeypatch.setattr(memory.os, "sysconf", lambda name: {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}[name])
    assert memory.available() == 1000 * 4096 // 2
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.available() == memory.UNKNOWN


# The same data


def test_the_digest_does_not_depend_on_what_fitted(tmp_path: Path) -> None:
    """So a run may go on where there is less memory."""
    lazy, held = (loaded(Data(ToyRows(PICTURES), LABELS, ("a", "b")), stream) for stream in ("always", "never"))
    assert digest(lazy) == digest(held)
    plain, file = Data(PICTURES), Data(mapped(PICTURES, tmp_path))
    assert digest(plain) == digest(loaded(file, "always")) == digest(loaded(file, "never"))


def test_rows_that_differ_have_other_digests() -> None:
    """In what they say of themselves, their shape, or their labels."""
    data = Data(ToyRows(PICTURES), LABELS, ("a", "b"))
    other = ToyRows(PICTURES)
    other.digest = lambda: "other"  # type: ignore[method-assign]
    changed = [replace(data, samples=other), replace(data, samples=ToyRows(PICTURES[:, :, :2])), Data(data.samples)]
    assert len({digest(each) for each in (data, *changed)}) == 4


def test_a_digest_in_pieces_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digest(Data(PICTURES))
    monkeypatch.setattr(memory, "PIECE", 30)
    assert digest(Data(PICTURES)) == whole


# Contracts


def test_arrays_are_no_rows() -> None:
    assert isinstance(ToyRows(PICTURES), Rows)
    assert not isinstance(PICTURES, Rows)


@pytest.mark.parametrize("stream", ["always", "never"])
@pytest.mark.parametrize(
    ("samples", "error", "told"),
    [
        (ToyRows(PICTURES.astype(np.int64)), BadPlugin, "int64"),
        (ToyRows(PICTURES[0]), BadPlugin, r"uint8 \[1, 3, 4\]"),
        (ToyRows(PICTURES[:0]), BadData, "empty"),
        (ToyRows(PICTURES, length=3), BadPlugin, "3 rows"),
        ([[1.0, 2.0]], BadPlugin, "did not return a Data of numpy arrays or Rows"),
    ],
)
def test_rows_that_break_the_contract_are_refused(
    samples: Any, error: type[GanzooError], told: str, stream: str
) -> None:
    with pytest.raises(error, match=told):
        loaded(Data(samples), stream)


def test_labels_of_rows_are_checked() -> None:
    with pytest.raises(BadPlugin, match=r"int64 \[3\]"):
        loaded(Data(ToyRows(PICTURES), LABELS[:3], ("a", "b")), "always")


def test_rows_that_are_not_what_they_said_are_refused_when_they_are_read() -> None:
    with pytest.raises(BadPlugin, match=r"said that they are uint8 \[7, 1, 9, 4\], but are uint8 \[7, 1, 3, 4\]"):
        loaded(Data(ToyRows(PICTURES, shape=(7, 1, 9, 4))), "never")


def test_points_are_checked_where_they_are_read_at_once(tmp_path: Path) -> None:
    points = mapped(np.full((3, 2), np.nan, np.float32), tmp_path)
    loaded(Data(points), "always")
    with pytest.raises(BadData, match="infinite or no numbers"):
        loaded(Data(points), "never")
