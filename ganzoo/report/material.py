"""What a report is made of: read from the run's folder when it is first asked for, and no more of it than is needed."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadData
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.data.check import digest
from ganzoo.training.build import options_of, same_plugins
from ganzoo.training.display import Display
from ganzoo.training.prepare import load_data
from ganzoo.training.trained import Trained, load_trained

Number = float | None  # None = not finite, or not in logs of that age


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log; older logs lack some of it."""

    step: int
    terms: dict[str, Number] = field(default_factory=dict)
    probability_real: Number = None
    probability_fake: Number = None
    value: Number = None
    gradient_norms: dict[str, Number] = field(default_factory=dict)
    learning_rates: dict[str, Number] = field(default_factory=dict)
    largest_logit: Number = None
    spread: Number = None
    memory: int = 0
    samples_per_second: Number = None
    seconds: float = 0.0
    since: int = 0  # the step at which this part of the run began


@dataclass(frozen=True, slots=True)
class Log:
    """The lines that can be read, also as they stand in the file, and how many cannot."""

    lines: list[Line]
    raw: list[dict[str, Any]]
    damaged: int


class Material:
    """One run. What cannot be read raises a GanzooError wherever it is asked for."""

    def __init__(self, run: RunFolder) -> None:
        """Raises BadRun where `config.json` is missing, damaged or of another version."""
        self.run = run
        self.facts: dict[str, Any] = run.facts()
        self.config: RunConfig = run.config()

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog()

    @cached_property
    def log(self) -> Log:
        return read_log(self.run)

    @cached_property
    def trained(self) -> Trained:
        """The best checkpoint's averaged generator where one is marked, else the newest's, on the CPU.

        A report draws few pictures, and it is written also where a GPU is not to be used or has no memory left.
        """
        return load_trained(self.run, "best" if self.run.best() else "last")

    @cached_property
    def data(self) -> Data:
        """What the run was trained on, left on the disk where the data set can be read piece by piece.

        Raises BadRun, BadData and what the data set raises.
        """
        with same_plugins(self.run):
            data = load_data(replace(self.config, stream="always"), self.catalog, Display(quiet=True))
        if digest(data) != self.facts.get("data", {}).get("digest"):
            raise BadData(
                f"The data set {self.config.dataset.name} is no longer the one that this run was trained on; bring "
                "that back and write the report again."
            )
        return data

    @cached_property
    def logits_are_scores(self) -> bool:
        """Whether the discriminator's verdicts are a critic's, so that D(x) and V say nothing."""
        with same_plugins(self.run):
            loss = self.catalog.losses[self.config.loss.name].build(options_of(self.config.loss, self.catalog.losses))
        return getattr(loss, "logits_are_scores", False)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (C, H, W) of a picture, (D,) of a point; () where the run does not say."""
        return tuple(self.facts.get("data", {}).get("sample", {}).get("shape", ()))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names, empty for data without labels."""
        return tuple(map(str, self.facts.get("data", {}).get("classes", ())))


def read_log(run: RunFolder) -> Log:
    """A last line that a crash cut short is left out, as is what holds no step."""
    text = run.log_file.read_bytes() if run.log_file.exists() else b""
    log = Log([], [], 0)
    damaged = 0
    for each in text.split(b"\n")[:-1]:
        try:
            raw = msgspec.json.decode(each)
            line = msgspec.convert(raw, Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            damaged += 1
        else:
            log.lines.append(line)
            log.raw.append(raw)
    return replace(log, damaged=damaged)
