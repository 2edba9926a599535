"""Several processes that train one run: torchrun starts them, and torch.distributed joins them.

Each computes its rows of every batch, all take the same optimizer steps with the mean of their gradients, and so all
hold the same weights; the first, which leads, writes the files.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from time import sleep
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.rendezvous import rendezvous

from ganzoo.core.errors import BadSetting, LostProcess, UsageError

T = TypeVar("T")

MOMENT = 1.0  # second; long enough to print a sentence
NEAR = timedelta(seconds=5)  # patience with torchrun, which runs on a machine of the job
BUCKET = 25 * 2**20  # bytes; large enough for full speed, small enough to cost little memory


@dataclass(frozen=True, slots=True)
class Processes:
    """This process, as one of `count`. Where there is only one, nothing is sent anywhere."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes. All must call with the same shapes in the same order."""
        if self.count == 1:
            return
        for bucket in buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            with watched():
                dist.all_reduce(flat)
            flat /= self.count
            for tensor, mean in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(mean.view(tensor.shape))

    def agree(self, vote: bool) -> bool:
        """Whether any process votes yes; the same answer for all, who must all ask."""
        if self.count == 1:
            return vote
        votes = torch.tensor([float(vote)])
        with watched():
            dist.all_reduce(votes)
        return bool(votes.item())

    def told(self, value: T) -> T:
        """What the leading process says; the others' values are ignored."""
        values = [value]
        if self.count > 1:
            with watched():
                dist.broadcast_object_list(values)
        return values[0]

    def gathered(self, value: T) -> list[T]:
        """Every process's value, by rank."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        with watched():
            dist.all_gather_object(values, value)
        return values

    def shares(self, batch_size: int, passes: int) -> list[range]:
        """The rows of a batch that this process computes, one range for each pass.

        Raises BadSetting where processes and passes do not divide the batch.
        """
        size, rest = divmod(batch_size, self.count * passes)
        if rest or not size:
            workers = f"{self.count} processes with {passes} passes each" if self.count > 1 else f"{passes} passes"
            unit = self.count * passes
            raise BadSetting(
                f"A batch of {batch_size} cannot be shared out evenly among {workers}; "
                f"set batch_size to a multiple of {unit}, such as {max(1, round(batch_size / unit)) * unit}."
            )
        first = self.rank * size * passes
        return [range(start, start + size) for start in range(first, first + size * passes, size)]


ALONE = Processes()


@contextmanager
def joined(timeout: float) -> Iterator[Processes]:
    """This process among those that torchrun has started with it, for as long as the block lasts; or on its own.

    `timeout` is in seconds. Raises LostProcess where another one fails to come.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if count == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if "MASTER_ADDR" not in os.environ:
        raise UsageError(
            "WORLD_SIZE is set, but nobody has started several processes; use torchrun, or unset WORLD_SIZE."
        )
    attempt, patience = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), timedelta(seconds=timeout)
    with watched():
        store, _, _ = next(rendezvous("env://", rank, count, timeout=patience))
        # torchrun keeps one store for all its attempts, and processes would look for those of the one before
        store = dist.PrefixStore(f"attempt {attempt}", store)  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=patience)
    try:
        yield Processes(rank, count)
    finally:
        dist.destroy_process_group()


@contextmanager
def watched() -> Iterator[None]:
    """Turn the many ways in which torch reports a process that is gone into one sentence."""
    try:
        yield
    except (dist.DistError, RuntimeError) as error:  # gloo raises plain RuntimeErrors
        raise LostProcess(
            "Another process of this run has ended or does not answer, so this one ends too; what it said stands "
            "above, if it could speak. Go on from the last checkpoint with the same torchrun command and "
            "`ganzoo train --resume RUN`, on any number of processes."
        ) from error


def first_to_say(text: str) -> bool:
    """Whether none of the processes that torchrun has started with this one has said the same.

    One that shall be silent is held back for a moment: where a process has ended, torchrun ends all, and the one that
    speaks must have spoken by then.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":  # torchrun's, which outlives each process
        return True
    attempt, name = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), sha256(text.encode()).hexdigest()
    try:
        store, _, _ = next(rendezvous("env://", timeout=NEAR))
        first: bool = store.add(f"said in attempt {attempt}: {name}", 1) == 1
    except (dist.DistError, RuntimeError, ValueError):  # no store, so nobody to ask
        return True
    if not first:
        sleep(MOMENT)
    return first


def buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors in their order, in groups of one type and of about `BUCKET` bytes."""
    group: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if group and (size >= BUCKET or tensor.dtype != group[0].dtype or tensor.device != group[0].device):
            yield group
            group, size = [], 0
        group.append(tensor)
        size += tensor.numel() * tensor.element_size()
    if group:
        yield group
