"""The one rounding from [-1, 1] to 0…255."""

import numpy as np
import pytest

from ganzoo.core.errors import GanzooError
from ganzoo.sampling.pixels import to_uint8


def test_every_grey_level_comes_back_from_its_place_in_the_range() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)

    found = to_uint8(levels.astype(np.float32) / np.float32(127.5) - 1)

    np.testing.assert_array_equal(found[..., 0], levels[:, 0])


@pytest.mark.parametrize(
    ("value", "level"),
    [(-1, 0), (0, 128), (1, 255), (-1.01, 0), (5, 255), (-np.inf, 0), (np.inf, 255), (-2 / 255, 127)],
)
def test_halves_go_up_and_what_lies_outside_is_clipped(value: float, level: int) -> None:
    assert to_uint8(np.full((1, 1, 1, 1), value, np.float32)).item() == level


def test_channels_go_last_and_the_input_is_left_alone() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32)
    before = samples.copy()

    found = to_uint8(samples)

    assert (found.dtype, found.shape, found.flags["C_CONTIGUOUS"]) == (np.uint8, (2, 4, 5, 3), True)
    assert found[1, 2, 3, 0] == np.floor(samples[1, 0, 2, 3] * np.float32(127.5) + np.float32(128))
    np.testing.assert_array_equal(samples, before)


def test_nan_has_no_grey_level() -> None:
    samples = np.zeros((1, 1, 2, 2), np.float32)
    samples[0, 0, 1, 1] = np.nan

    with pytest.raises(GanzooError, match="NaN"):
        to_uint8(samples)
