"""Samples over time: which steps, and which bytes."""

from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from pages import picture_of, report, run_with
from PIL import Image

from ganzoo.core.run_folder import RunFolder
from ganzoo.report.pictures import sample_uri

COURSE = "Samples over time"


def run_of(folder: Path, steps: list[int], side: int = 8) -> RunFolder:
    """Each picture is of one grey level, another for each step."""
    run = run_with(folder, [])
    for number, step in enumerate(steps):
        run.samples_file(step).parent.mkdir(exist_ok=True)
        Image.new("L", (side, side), number).save(run.samples_file(step))
    return run


def test_pictures_are_those_of_the_run_byte_for_byte(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run-1", [5, 1000])
    found = report(run).sections[COURSE]
    assert [b64decode(uri.partition(",")[2]) for uri in found.pictures] == [
        run.samples_file(step).read_bytes() for step in (5, 1000)
    ]
    assert "51,000" in found.text  # the steps, below their pictures


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, [0]), (9, list(range(9))), (10, [0, 1, 2, 3, 4, 6, 7, 8, 9]), (81, list(range(0, 81, 10)))],
)
def test_at_most_nine_steps_are_shown_evenly_from_first_to_last(tmp_path: Path, count: int, shown: list[int]) -> None:
    found = report(run_of(tmp_path / "run-1", [10 * n + 10 for n in range(count)]))
    assert [int(picture_of(uri).max()) for uri in found.sections[COURSE].pictures] == shown


def test_steps_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    found = report(run_of(tmp_path / "run-1", [100_000_000, 99_999_999]))
    assert [int(picture_of(uri).max()) for uri in found.sections[COURSE].pictures] == [1, 0]


def test_large_grids_are_scaled_down(tmp_path: Path) -> None:
    found = report(run_of(tmp_path / "run-1", [1, 2], side=2000)).sections[COURSE].pictures
    assert [picture_of(uri).shape for uri in found] == [(800, 800, 1)] * 2
    assert picture_of(found[1]).max() == picture_of(found[1]).min() == 1


@pytest.mark.parametrize("damage", [b"", b"GIF", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_damaged_picture_is_named_and_costs_no_other(tmp_path: Path, damage: bytes) -> None:
    run = run_of(tmp_path / "run-1", [1, 2, 3])
    run.samples_file(2).write_bytes(damage)
    found = report(run).sections[COURSE]
    assert [int(picture_of(uri).max()) for uri in found.pictures] == [0, 2]
    assert "damaged: step-00000002.png." in found.text


def test_a_picture_that_was_cut_short_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run-1", [1])
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(run.samples_file(1))
    run.samples_file(1).write_bytes(run.samples_file(1).read_bytes()[:2000])
    found = report(run).sections[COURSE]
    assert not found.pictures
    assert "step-00000001.png" in found.text


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_single_samples_keep_their_pixels(channels: int) -> None:
    """Of two channels there is no blue, and of five the first three are shown."""
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, channels), np.uint8)
    found = picture_of(sample_uri(picture))
    assert found.shape[-1] == (1 if channels == 1 else 3)
    np.testing.assert_array_equal(found[..., :channels], picture[..., :3])
    assert not found[..., channels:].any()


def test_large_single_samples_are_scaled_down() -> None:
    assert picture_of(sample_uri(np.zeros((300, 600, 3), np.uint8))).shape == (64, 128, 3)
