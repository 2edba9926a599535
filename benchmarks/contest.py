"""One case's contenders, each of which takes its steps on networks of its own and says how long a step took."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.cases import Case, configured, digits, longer
from benchmarks.drawn import Indexed, Loaded
from benchmarks.harness import wait
from benchmarks.loops import by_hand, plain
from ganzoo.catalog import load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.build import Components, build
from ganzoo.training.device import settled
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import alternate, train

PRODUCT = {"cpu": 2048, "cuda": 8192}  # side of the matrices whose product shows what the machine can do
SAVES_EVERY = 1000  # steps, in a run with the default settings


class Contest:
    """What `benchmarks.training` asks of one case. Seconds are those of one step, without the first steps."""

    def __init__(self, case: Case, device: torch.device) -> None:
        self.case = case if device.type == "cpu" else longer(case)
        self.device = device
        self.catalog = load_catalog()
        self.config = configured(self.case, self.catalog)
        self.data = digits(case.shape, case.pictures)

    def build(self, **changes: Any) -> Components:
        """Fresh components; only our own loop has its networks compiled, where the case asks for that."""
        return build(replace(self.config, **({"compile": "never"} | changes)), self.data, self.catalog, self.device)

    def ours(self) -> float:
        """Seconds of the trainer as users have it, with its log; a thousandth of what it takes to save a checkpoint and
        pictures is added, since that is done every thousand steps."""
        parts, told = self.build(compile=self.config.compile), list[tuple[int, float]]()

        def observe(event: StepDone) -> None:
            wait()
            told.append((event.step, perf_counter()))

        with TemporaryDirectory() as folder, settled(parts, self.config):
            train(parts, self.config, RunFolder(Path(folder)), observe, lambda text: None)
            saving = perf_counter() - told[-1][1]
        (first, start), (last, end) = told[0], told[-1]
        return (end - start) / (last - first) + saving / SAVES_EVERY

    def by_hand(self) -> float:
        parts = self.build()
        with settled(parts, self.config):
            return self.pace(by_hand(parts, self.config, Indexed(*self.drawing(parts))))

    def plain(self) -> float:
        """Seconds with torch's own choice of threads."""
        parts = self.build()
        return self.pace(plain(parts, self.config, Loaded(*self.drawing(parts)), detaches=self.case.detaches))

    def drawing(self, parts: Components) -> tuple[Any, int, int, torch.device]:
        return self.data.samples, self.config.batch_size, parts.prior.size, self.device

    def pace(self, loop: Iterator[nn.Module]) -> float:
        for _ in range(self.case.warm_up):
            next(loop)
        wait()
        start = perf_counter()
        for _ in range(self.case.steps):
            next(loop)
        wait()
        return (perf_counter() - start) / self.case.steps

    def product(self) -> float:
        """Operations a second in a large product of matrices, with the case's numbers and threads."""
        parts = self.build()
        side = PRODUCT[self.device.type]
        with settled(parts, self.config):
            matrix = torch.rand(side, side, dtype=parts.engine.precision.half, device=self.device)
            matrix @ matrix
            wait()
            start = perf_counter()
            matrix @ matrix
            wait()
            return 2 * side**3 / (perf_counter() - start)

    def facts(self) -> dict[str, Any]:
        """What does not depend on time: numbers, threads, and operations of one of our steps."""
        parts = self.build()
        with settled(parts, self.config):
            return {
                "precision": parts.engine.precision.name,
                "threads": torch.get_num_threads(),
                "gflop_per_step": operations(parts, self.config) / 1e9,
            }


def operations(parts: Components, config: RunConfig) -> int:
    """Floating-point operations in the products and convolutions of our first step."""
    with Operations() as counted:
        alternate(TrainState.start(parts.players, config), parts, config)
    return counted.total


class Operations(TorchDispatchMode):
    """Counts with torch's own formulas. FlopCounterMode also tracks modules, and cannot do so through a gradient
    with respect to samples."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        formula = flop_registry.get(function.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result
