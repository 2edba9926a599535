"""The queue in front of the generator, with a generator that can be held up and that says what it was asked for."""

import asyncio
from collections.abc import Callable, Coroutine
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ganzoo.core.errors import UsageError
from ganzoo.serving.asking import Order, TooMuch
from ganzoo.serving.batching import Batcher, Bounds, Busy, Gone
from ganzoo.serving.counters import Counters
from ganzoo.serving.models import Model

TOO_LARGE = 1000.0


class FakeSampler:
    """Draws twice its latents; the latent of a seed is the seed."""

    def __init__(self, name: str = "fake") -> None:
        self.manifest = SimpleNamespace(name=name)
        self.batches: list[list[float]] = []
        self.labels: list[np.ndarray | None] = []
        self.free = Event()
        self.free.set()

    def latents(self, seeds: np.ndarray) -> np.ndarray:
        return seeds[:, None].astype(np.float32)

    def generate(self, latents: np.ndarray, labels: np.ndarray | None = None, truncation: float = 1.0) -> np.ndarray:
        assert self.free.wait(10)
        if (latents > TOO_LARGE).any():
            raise UsageError("Some samples are NaN or infinite.")
        if (latents < -TOO_LARGE).any():
            raise ZeroDivisionError("a bug")
        self.batches.append(latents[:, 0].tolist())
        self.labels.append(labels)
        return 2 * latents * np.float32(truncation)


def fake(name: str = "fake") -> Any:
    return Model(FakeSampler(name), None)  # type: ignore[arg-type]


def of_seeds(*seeds: int, truncation: float = 1.0) -> Order:
    return Order(len(seeds), np.array(seeds, np.int64), None, None, truncation)


def of_latents(*latents: float) -> Order:
    return Order(len(latents), None, np.array(latents, np.float32)[:, None], None)


def while_it_runs(work: Callable[[Batcher], Coroutine[Any, Any, Any]], bounds: Bounds | None = None) -> Any:
    """What `work` gives, with a batcher that draws meanwhile."""

    async def run() -> Any:
        batcher = Batcher(bounds or Bounds(), Counters())
        drawing = asyncio.create_task(batcher.run())
        try:
            return await asyncio.wait_for(work(batcher), 20)
        finally:
            drawing.cancel()
            batcher.thread.shutdown()

    return asyncio.run(run())


async def held_up(batcher: Batcher, model: Any, *orders: Order) -> list[Any]:
    """What came of each order, all of which waited while a first one, of seed 99, was being drawn."""
    model.sampler.free.clear()
    first = asyncio.create_task(batcher.draw(model, of_seeds(99)))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(batcher.draw(model, order)) for order in orders]
    await asyncio.sleep(0.05)
    model.sampler.free.set()
    return (await asyncio.gather(first, *others, return_exceptions=True))[1:]


def test_what_waits_is_drawn_at_once_and_each_gets_its_own() -> None:
    model = fake()
    orders = of_seeds(1, 2), of_latents(0.5, 0.25, 0.125), of_seeds(7)

    results = while_it_runs(lambda batcher: held_up(batcher, model, *orders))

    assert model.sampler.batches == [[99], [1, 2, 0.5, 0.25, 0.125, 7]]
    assert [result[:, 0].tolist() for result in results] == [[2, 4], [1, 0.5, 0.25], [14]]


def test_orders_that_come_within_milliseconds_share_a_batch() -> None:
    model = fake()

    async def work(batcher: Batcher) -> None:
        await asyncio.gather(*(batcher.draw(model, of_seeds(seed)) for seed in range(10)))

    while_it_runs(work)
    assert model.sampler.batches == [list(range(10))]


def test_labels_stay_with_their_orders() -> None:
    model = fake()
    orders = [Order(2, np.arange(2) + 2 * n, None, np.array([n, n]), 1.0) for n in range(3)]

    async def work(batcher: Batcher) -> None:
        await asyncio.gather(*(batcher.draw(model, order) for order in orders))

    while_it_runs(work)
    np.testing.assert_array_equal(model.sampler.labels[0], [0, 0, 1, 1, 2, 2])


def test_another_truncation_is_another_batch_and_waits_no_longer_than_its_turn() -> None:
    model = fake()
    orders = of_seeds(1), of_seeds(2, truncation=0.5), of_seeds(3), of_seeds(4, truncation=0.5)

    results = while_it_runs(lambda batcher: held_up(batcher, model, *orders))

    assert model.sampler.batches == [[99], [1, 3], [2, 4]]
    assert [float(result[0, 0]) for result in results] == [2, 2, 6, 4]


def test_models_are_not_mixed() -> None:
    one, other = fake("one"), fake("other")

    async def work(batcher: Batcher) -> None:
        await asyncio.gather(*(batcher.draw(model, of_seeds(n)) for n, model in enumerate([one, other, one, other])))

    while_it_runs(work)
    assert (one.sampler.batches, other.sampler.batches) == ([[0, 2]], [[1, 3]])


def test_a_batch_ends_at_256_samples_or_with_the_order_that_passes_them() -> None:
    model = fake()
    orders = [of_seeds(*range(100)) for _ in range(4)]

    while_it_runs(lambda batcher: held_up(batcher, model, *orders))
    assert [len(batch) for batch in model.sampler.batches] == [1, 300, 100]


def test_one_clients_latents_spoil_nobody_elses() -> None:
    model = fake()
    orders = of_seeds(1), of_latents(2 * TOO_LARGE), of_latents(-2 * TOO_LARGE), of_seeds(3)

    results = while_it_runs(lambda batcher: held_up(batcher, model, *orders))

    assert [result[0, 0] for result in (results[0], results[3])] == [2, 6]
    assert isinstance(results[1], UsageError)
    assert isinstance(results[2], ZeroDivisionError)


def test_it_goes_on_after_a_bug() -> None:
    model = fake()

    async def work(batcher: Batcher) -> Any:
        with pytest.raises(ZeroDivisionError):
            await batcher.draw(model, of_latents(-2 * TOO_LARGE))
        return await batcher.draw(model, of_seeds(1))

    assert while_it_runs(work)[0, 0] == 2


def test_a_full_queue_refuses_at_once() -> None:
    model = fake()
    orders = of_seeds(*range(6)), of_seeds(*range(5)), of_seeds(*range(4))

    fits, not_this, fits_too = while_it_runs(
        lambda batcher: held_up(batcher, model, *orders), Bounds(samples=10, seconds=10)
    )

    assert (len(fits), len(fits_too)) == (6, 4)
    assert isinstance(not_this, Busy)
    assert str(not_this).startswith("6 samples wait")
    assert not_this.seconds == 1


def test_a_queue_that_would_take_too_long_refuses_at_once_and_says_when() -> None:
    model = fake()
    model.learn(1, 0.4)  # seconds for a sample
    orders = of_seeds(*range(5)), of_seeds(*range(4))

    fits, not_this = while_it_runs(lambda batcher: held_up(batcher, model, *orders), Bounds(samples=1000, seconds=3))

    assert len(fits) == 5
    assert isinstance(not_this, Busy)
    assert 1 <= not_this.seconds <= 2  # 5 samples at 0.4 s, and a little less as the first was drawn in no time


def test_an_order_that_takes_too_long_by_itself_says_how_many_would_do() -> None:
    model = fake()
    model.learn(1, 0.5)

    async def work(batcher: Batcher) -> None:
        await batcher.draw(model, of_seeds(*range(21)))

    with pytest.raises(TooMuch, match="about 20 samples in 10 s"):
        while_it_runs(work, Bounds(seconds=10))


def test_who_waits_too_long_is_told_and_forgotten() -> None:
    model = fake()

    async def work(batcher: Batcher) -> None:
        model.sampler.free.clear()
        first = asyncio.create_task(batcher.draw(model, of_seeds(99)))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match=r"not drawn within 0\.2 s"):
            await batcher.draw(model, of_seeds(1))
        model.sampler.free.set()
        with pytest.raises(Busy):
            await first
        assert await batcher.draw(model, of_seeds(2)) == 4
        assert batcher.waiting.total() == 0

    while_it_runs(work, Bounds(seconds=0.1))
    assert model.sampler.batches == [[99], [2]]


def test_nothing_is_drawn_for_those_who_left() -> None:
    model = fake()

    async def work(batcher: Batcher) -> list[Any]:
        model.sampler.free.clear()
        first = asyncio.create_task(batcher.draw(model, of_seeds(99)))
        await asyncio.sleep(0.05)
        gone, there = (
            asyncio.create_task(batcher.draw(model, of_seeds(seed), left)) for seed, left in ((1, yes), (2, no))
        )
        await asyncio.sleep(0.05)
        model.sampler.free.set()
        return await asyncio.gather(first, gone, there, return_exceptions=True)

    def yes() -> bool:
        return True

    def no() -> bool:
        return False

    results = while_it_runs(work)
    assert isinstance(results[1], Gone)
    assert model.sampler.batches == [[99], [2]]


def test_one_slow_moment_does_not_refuse_large_orders_for_ever() -> None:
    model = fake()
    model.learn(1, 0.001)
    model.learn(1, 60.0)  # a machine that slept
    assert model.seconds_per_sample < 0.002

    model.seconds_per_sample = 0.05  # a wrong first measurement

    async def work(batcher: Batcher) -> int:
        for refused in range(20):
            try:
                await batcher.draw(model, of_seeds(*range(256)))
            except TooMuch:
                continue
            return refused
        return 20

    assert while_it_runs(work) < 5


def test_what_drawing_takes_is_learnt_and_old_news_fade() -> None:
    model = fake()
    model.learn(10, 1.0)
    assert model.seconds_per_sample == pytest.approx(0.1)
    for _ in range(50):
        model.learn(100, 1.0)
    assert model.seconds_per_sample == pytest.approx(0.01, rel=1e-3)
