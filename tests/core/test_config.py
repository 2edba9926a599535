"""Which updates belong to which step."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ganzoo.core.config import Burst, Choice, RunConfig

CONFIG = RunConfig(
    recipe="any",
    dataset=Choice(name="any"),
    latents=Choice(name="any"),
    generator=Choice(name="any"),
    discriminator=Choice(name="any"),
    loss=Choice(name="any"),
    batch_size=10,
    d_steps=5,
)
AUTHORS = Burst(d_steps=100, first=25, every=500)


def test_a_burst_is_that_of_the_authors_code() -> None:
    """Counted as their loop counts: 100 where the number is below 25 or divides by 500, else 5."""
    config = replace(CONFIG, d_burst=AUTHORS)
    expected = [100 if step < 25 or step % 500 == 0 else 5 for step in range(1600)]
    assert [len(config.d_updates(step)) for step in range(1600)] == expected


@pytest.mark.parametrize("burst", [None, AUTHORS, Burst(d_steps=1, first=3, every=2), Burst(d_steps=9, first=0)])
def test_updates_follow_each_other_without_a_gap(burst: Burst | None) -> None:
    config = replace(CONFIG, d_burst=burst)
    updates = [config.d_updates(step) for step in range(1200)]
    assert updates[0].start == 0
    assert all(before.stop == after.start for before, after in pairwise(updates))


@pytest.mark.parametrize("burst", [None, AUTHORS])
def test_epochs_are_passes_of_the_discriminator(burst: Burst | None) -> None:
    """The run is as long as it takes to see the data so often, and no step longer."""
    config = replace(CONFIG, epochs=3.0, d_burst=burst)
    steps = config.total_steps(samples=20_000)
    assert config.d_updates(steps - 1).start < 6000 <= config.d_updates(steps - 1).stop
