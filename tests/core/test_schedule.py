"""Known values of a number that changes over the run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.core.schedule import Schedule, value_at


@pytest.mark.parametrize(
    ("shape", "middle"), [("linear", 0.5 * (8 + 2)), ("cosine", 0.5 * (8 + 2)), ("exponential", (8 * 2) ** 0.5)]
)
def test_the_middle_is_the_mean_that_the_shape_says(shape: str, middle: float) -> None:
    """Arithmetic for linear and cosine, geometric for exponential."""
    schedule = Schedule(start=8, end=2, steps=100, begin=50, shape=shape)  # type: ignore[arg-type]
    assert schedule.at(100) == pytest.approx(middle)


def test_a_quarter_of_a_cosine_is_ahead_of_nothing_but_behind_the_line() -> None:
    """(1 - cos(π/4)) / 2 = 0.146447."""
    assert Schedule(start=0, end=1, steps=4, shape="cosine").at(1) == pytest.approx(0.1464466094)


@given(st.integers(0, 1000), st.sampled_from(["linear", "cosine", "exponential"]))
def test_it_stays_at_its_ends_outside_of_its_time(step: int, shape: str) -> None:
    schedule = Schedule(start=3, end=1, steps=10, begin=500, shape=shape)  # type: ignore[arg-type]
    value = schedule.at(step)
    assert 1 - 1e-12 <= value <= 3 + 1e-12
    if step <= 500:
        assert value == pytest.approx(3)
    if step >= 510:
        assert value == pytest.approx(1)


def test_a_constant_is_its_own_value() -> None:
    assert value_at(0.3, 7) == 0.3
