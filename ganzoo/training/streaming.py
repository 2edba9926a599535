"""Real samples that do not fit where training needs them: read ahead of the updates, by processes of their own."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadData, GanzooError
from ganzoo.core.specs import Data
from ganzoo.data.memory import SHARE, byte_count, is_lazy, take
from ganzoo.training.order import Order

ENDED = {signal.SIGINT, signal.SIGTERM}  # what ends the run, which then ends its workers
PATIENCE = 2  # seconds in which workers end by themselves
MOMENT = 0.2  # seconds

PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's <sys/prctl.h>


class Labelled(NamedTuple):
    """As they are stored; torch's DataLoader hands on named tuples, and makes lists of others."""

    samples: Tensor
    labels: Tensor | None


def wants_stream(data: Data, config: RunConfig, device: torch.device) -> bool:
    """Whether the samples stay where they are: on the disk, or in main memory because the GPU has too little."""
    if config.stream == "always" or is_lazy(data.samples):
        return True
    if config.stream == "never" or device.type != "cuda":
        return False
    free, _all = torch.cuda.mem_get_info(device)
    return byte_count(data.samples) > SHARE * free


class Streamed:
    """A data set of which a process reads its own rows of each batch, and no more than the next few batches."""

    def __init__(self, data: Data, config: RunConfig, device: torch.device, shares: Sequence[range]) -> None:
        self.data = data
        self.device = device
        self.sizes = [len(share) for share in shares]
        self.order = Order(len(data.samples), config.batch_size, config.seed, torch.device("cpu"))
        self.upcoming = Upcoming(self.order, shares)
        self.name = config.dataset.name
        self.workers = config.workers if can_be_sent(data) else 0
        self.loader: DataLoader[Any] | None = None
        self.batches: Iterator[Labelled | BadData] = iter(())
        self.next = -1  # the update whose samples come next
        self.processes: list[BaseProcess] = []
        self.at_exit = weakref.finalize(self, kill, self.processes)

    def first(self, count: int) -> Tensor:
        """The first samples of the data set, or all, as they are stored."""
        found = Pieces(self.data, self.name)[np.arange(min(count, len(self.data.samples)))]
        return opened(found).samples.to(self.device)

    def read(self, update: int) -> list[Labelled]:
        """The samples of one update, one part for each pass. Quickest where updates follow each other.

        Raises BadData for samples that cannot be read, GanzooError where a worker has been killed.
        """
        if update != self.next:
            self.seek(update)
        self.next += 1
        samples, labels = (
            None if part is None else part.to(self.device, non_blocking=True).split(self.sizes)
            for part in opened(self.following())
        )
        assert samples is not None
        if samples[0].is_floating_point():  # results may depend on how memory is aligned, and what was read varies
            samples = [part.clone() for part in samples]
        return list(map(Labelled, samples, labels or [None] * len(samples)))

    def following(self) -> Labelled | BadData:
        try:
            return next(self.batches)
        except (RuntimeError, EOFError, OSError) as error:
            if not any(map(has_ended, self.processes)):
                raise
            raise GanzooError(
                "A process that read the data was killed, perhaps by the system for lack of memory. Go on from the "
                "last checkpoint with `ganzoo train --resume RUN --set workers=0`, which reads without such processes."
            ) from error

    def seek(self, update: int) -> None:
        """Let the samples of this update come next. Workers are kept, but what they have read ahead is lost."""
        self.upcoming.start = self.next = update
        if self.loader is None:
            self.loader = DataLoader(
                Pieces(self.data, self.name),
                batch_size=None,  # each index is that of a batch
                sampler=self.upcoming,
                num_workers=self.workers,
                persistent_workers=self.workers > 0,
                pin_memory=self.device.type == "cuda",
                worker_init_fn=settle,
                generator=torch.Generator(),  # torch's global one belongs to the run
            )
        with undisturbed():
            others = multiprocessing.active_children()
            self.batches = iter(self.loader)
            self.processes += [each for each in multiprocessing.active_children() if each not in others]

    def close(self) -> None:
        """End the workers. What is read after this starts new ones."""
        self.loader, self.batches, self.next = None, iter(()), -1  # torch ends them when nobody holds them
        deadline = monotonic() + PATIENCE
        for process in self.processes:
            process.join(max(0, deadline - monotonic()))
        kill(self.processes)
        self.processes.clear()


class Upcoming:
    """The numbers of a process's samples, int64 [rows], for update after update without end."""

    def __init__(self, order: Order, shares: Sequence[range]) -> None:
        self.order = order
        self.rows = np.concatenate([np.arange(share.start, share.stop) for share in shares])
        self.start = 0

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self.order.batch(update).numpy()[self.rows] for update in count(self.start))


class Pieces(Dataset[Any]):
    """What workers do: they read the samples of an index of several, and say what is wrong with them."""

    def __init__(self, data: Data, name: str) -> None:
        self.data = data
        self.name = name

    def __getitem__(self, index: NDArray[np.int64]) -> Labelled | BadData:
        """Errors are handed over and not raised, since torch would make a traceback of their words."""
        try:
            samples = take(self.data.samples, index)
        except OSError as error:
            return BadData(f"Data set {self.name!r} cannot be read: {error}.")
        except GanzooError as error:
            return BadData(str(error))
        labels = None if self.data.labels is None else torch.from_numpy(self.data.labels[index])
        return Labelled(torch.from_numpy(np.ascontiguousarray(samples)), labels)


def opened(found: Labelled | BadData) -> Labelled:
    """Samples and labels, or the error that came instead."""
    if isinstance(found, BadData):
        raise found
    return found


def can_be_sent(data: Data) -> bool:
    """Whether a worker gets the data set without a copy of all of it: arrays only where processes are forked."""
    return not isinstance(data.samples, np.ndarray) or multiprocessing.get_context().get_start_method() == "fork"


def settle(_worker: int) -> None:
    """Ctrl-C reaches all processes of a terminal; only the run decides what it means, and its end is theirs."""
    for number in ENDED:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":  # elsewhere torch looks for the parent every few seconds
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if is_orphan():  # the run was gone before the signal was asked for, and none would ever come
            os._exit(1)


def is_orphan() -> bool:
    """Whether the run that started this process has ended. Processes of a fork server are ended by that."""
    run = multiprocessing.parent_process()
    return run is not None and multiprocessing.get_start_method() != "forkserver" and os.getppid() != run.pid


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """While this lasts, processes are started that never hear Ctrl-C, not even before they can say so themselves.

    Signals that come meanwhile are delivered after it. And torch's handler, which would raise an error in the midst of
    anything as soon as a worker is gone, is taken back: `Streamed.following` notices it too.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    in_main = threading.current_thread() is threading.main_thread()
    before, mask = signal.getsignal(signal.SIGCHLD), signal.pthread_sigmask(signal.SIG_BLOCK, ENDED)
    try:
        yield
    finally:
        if in_main and before is not None:
            signal.signal(signal.SIGCHLD, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def has_ended(process: BaseProcess) -> bool:
    """A process that breaks off a connection ends a moment later."""
    process.join(MOMENT)
    return not process.is_alive()


def kill(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.kill()
