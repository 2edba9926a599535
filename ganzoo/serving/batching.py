"""Many clients' orders, drawn together: a generator draws 256 samples in far less than 16 times the time of 16.

Orders wait until the one thread that draws is free, and for a few milliseconds where it is idle. Then all that wait for
one model, and for one truncation, go through it as one batch. Batches do not change their members.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np

from ganzoo.core.errors import GanzooError
from ganzoo.sampling.sampler import MOST_AT_ONCE
from ganzoo.serving.asking import Order, TooMuch
from ganzoo.serving.counters import Counters
from ganzoo.serving.models import Model

TOGETHER = 0.002  # seconds that an order waits for others where nothing is being drawn


def never() -> bool:
    """For orders whose clients are always there."""
    return False


class Gone(GanzooError):
    """Nobody waits for the answer any more."""


class Busy(GanzooError):
    """More is waiting to be drawn than is allowed; `seconds` is when to come again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = max(1, ceil(seconds))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait."""

    samples: int = 16384
    seconds: float = 10.0  # that the last of them may have to wait, judged by how long samples took of late


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """An order, and who waits for it."""

    model: Model
    order: Order
    done: "asyncio.Future[np.ndarray]"
    left: Callable[[], bool]  # whether nobody waits any more


class Batcher:
    """The queue in front of the thread that draws. All but `draw_batch` runs in the event loop."""

    def __init__(self, bounds: Bounds, counters: Counters) -> None:
        self.bounds = bounds
        self.counters = counters
        self.queue: deque[Waiting] = deque()
        self.waiting: Counter[Model] = Counter()  # samples in the queue
        self.news = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, "drawing")
        counters.waiting.set_function(self.waiting.total)

    async def draw(self, model: Model, order: Order, left: Callable[[], bool] = never) -> np.ndarray:
        """The samples, uint8 [N, H, W, C] or float32 [N, D]; nothing is drawn for those who have `left`.

        Raises Busy and TooMuch at once, where it would have to wait or take for too long; UsageError for samples that
        are not finite; GanzooError where onnxruntime fails.
        """
        self.check_room(model, order)
        done: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self.queue.append(Waiting(model, order, done, left))
        self.waiting[model] += order.count
        self.news.set()
        longest = 2 * self.bounds.seconds
        try:
            async with asyncio.timeout(longest):
                return await done
        except TimeoutError as error:
            raise Busy(f"This was not drawn within {longest:g} s; try again later.", self.bounds.seconds) from error

    def check_room(self, model: Model, order: Order) -> None:
        """Raises Busy where there is no room in the queue, TooMuch where the order alone takes too long."""
        limit, needed = self.bounds.seconds, order.count * model.seconds_per_sample
        if needed > limit:
            most = max(1, int(limit / model.seconds_per_sample))
            model.seconds_per_sample *= 0.9  # what is refused teaches nothing: an estimate that was wrong must fade
            raise TooMuch(f"{model.name} draws about {most} samples in {limit:g} s here; ask for fewer at a time.")
        samples = self.waiting.total()
        seconds = sum(count * each.seconds_per_sample for each, count in self.waiting.items())
        if samples + order.count > self.bounds.samples or seconds + needed > limit:
            raise Busy(f"{samples} samples wait to be drawn, and no more can; try again later.", seconds)

    async def run(self) -> None:
        """Draw, batch after batch, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self.queue:
                self.news.clear()
                await self.news.wait()
                await asyncio.sleep(TOGETHER)
            batch = self.take()
            answer(batch, await loop.run_in_executor(self.thread, self.draw_batch, batch))

    def take(self) -> list[Waiting]:
        """The first in the queue, and those behind it that can be drawn with it; those whose clients left are gone."""
        batch: list[Waiting] = []
        passed: list[Waiting] = []
        room = MOST_AT_ONCE
        while self.queue and room > 0:
            each = self.queue.popleft()
            if batch and not alike(each, batch[0]):
                passed.append(each)
                continue
            self.waiting[each.model] -= each.order.count
            if each.left() and not each.done.done():
                each.done.set_exception(Gone("The client left before its samples were drawn."))
            if not each.done.done():
                batch.append(each)
                room -= each.order.count
        self.queue.extendleft(reversed(passed))
        return batch

    def draw_batch(self, batch: Sequence[Waiting]) -> list[np.ndarray | Exception]:
        """What came of each order. Where all of them fail, each is drawn alone, as one client's latents may be why."""
        if not batch:
            return []
        orders, model = [each.order for each in batch], batch[0].model
        began = time.perf_counter()
        try:
            samples = drawn(model, orders)
        except Exception as error:  # noqa: BLE001 - whatever it is, its clients shall know, and the others be served
            return [error] if len(batch) == 1 else [result for each in batch for result in self.draw_batch([each])]
        model.learn(len(samples), time.perf_counter() - began)
        self.counters.drawn(model.name, len(samples))
        return list(np.split(samples, np.cumsum([order.count for order in orders])[:-1]))


def alike(one: Waiting, other: Waiting) -> bool:
    """Whether both can go through one generator at once."""
    return one.model is other.model and one.order.truncation == other.order.truncation


def drawn(model: Model, orders: Sequence[Order]) -> np.ndarray:
    """All samples of all orders, in order. Raises as `Sampler.generate`."""
    labels = [order.labels for order in orders if order.labels is not None]
    return model.sampler.generate(
        latents_of(model, orders), np.concatenate(labels) if labels else None, orders[0].truncation
    )


def latents_of(model: Model, orders: Sequence[Order]) -> np.ndarray:
    """Float32 [N, Z]: those that were given, and those of seeds, which are drawn together."""
    seeds = [order.seeds for order in orders if order.seeds is not None]
    if not seeds:
        return np.concatenate([order.latents for order in orders if order.latents is not None])
    made, first = model.sampler.latents(np.concatenate(seeds)), 0
    parts = []
    for order in orders:
        parts.append(made[first : first + order.count] if order.latents is None else order.latents)
        first += order.count if order.latents is None else 0
    return np.concatenate(parts)


def answer(batch: Sequence[Waiting], results: Sequence[np.ndarray | Exception]) -> None:
    """Hand each order's samples, or what went wrong, to whoever waits for it."""
    for each, result in zip(batch, results, strict=True):
        if each.done.done():  # whoever asked has left
            continue
        if isinstance(result, Exception):
            each.done.set_exception(result)
        else:
            each.done.set_result(result)
