"""Where a run keeps its files.

config.json                      everything resolved, versions, machine
log.jsonl                        one line every `log_every` steps
scores.jsonl                     one line each time that the run was judged
checkpoints/step-00001000.safetensors
checkpoints/best.json            which of them is the best, and by which metric
samples/step-00001000.png        always the same latents
report.html                      curves and pictures, for people
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadRun
from ganzoo.core.files import explained, leftovers, write_text
from ganzoo.core.options import to_plain

FORMAT = 1
CHECKPOINT = re.compile(r"step-\d{8,}\.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """What `best.json` says: the checkpoint with a metric's best value so far."""

    format: int
    step: int
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run, to which one process alone writes."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def log_file(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def scores_file(self) -> Path:
        return self.path / "scores.jsonl"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    @property
    def best_file(self) -> Path:
        return self.path / "checkpoints" / "best.json"

    def checkpoint_file(self, step: int) -> Path:
        return self.path / "checkpoints" / f"step-{step:08d}.safetensors"

    def samples_file(self, step: int) -> Path:
        return self.path / "samples" / f"step-{step:08d}.png"

    def checkpoints(self) -> list[Path]:
        """Oldest first."""
        found = self.path.glob("checkpoints/step-*.safetensors")
        return sorted((path for path in found if CHECKPOINT.fullmatch(path.name)), key=step_of)

    def newest_checkpoint(self) -> Path:
        """Raises BadRun where the run has none."""
        checkpoints = self.checkpoints()
        if not checkpoints:
            raise BadRun(f"{self.path} has no checkpoint yet; train it for longer, or name another run.")
        return checkpoints[-1]

    def mark_best(self, step: int, metric: str, value: float) -> None:
        """Say that no checkpoint is better than that of `step`, whose value of `metric` is finite.

        It is never deleted while the mark stands.
        """
        assert self.checkpoint_file(step).exists()
        assert isfinite(value)
        mark = Best(format=FORMAT, step=step, metric=metric, value=value)
        write_text(self.best_file, json.dumps(to_plain(mark)) + "\n")

    def best(self) -> Best | None:
        """The mark, if there is one. Raises BadRun where it is damaged or of another version."""
        try:
            content = msgspec.json.decode(self.best_file.read_bytes())
            if isinstance(content, dict) and content.get("format", FORMAT) != FORMAT:
                raise BadRun(f"{self.best_file} was written by another version of ganzoo; delete it to mark anew.")
            return msgspec.convert(content, Best)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BadRun(f"{self.best_file} is damaged ({error}); delete it to go on without a marked best.") from error

    def best_checkpoint(self) -> Path:
        """Raises BadRun where none is marked, or the one that is marked is missing."""
        mark = self.best()
        if mark is None:
            raise BadRun(f"No checkpoint of {self.path} is marked as its best; use the newest, or name one.")
        path = self.checkpoint_file(mark.step)
        if not path.exists():
            raise BadRun(f"{path}, marked as the best by {mark.metric}, is missing; use the newest, or name another.")
        return path

    def prune(self, keep: int) -> None:
        """Delete all checkpoints but the newest `keep`, at least 1, and the best. Raises BadRun like `best`."""
        assert keep >= 1
        mark = self.best()
        spared = {self.checkpoint_file(mark.step)} if mark else set()
        for path in self.checkpoints()[:-keep]:
            if path not in spared:
                with explained(path):
                    path.unlink(missing_ok=True)

    def set_aside(self, checkpoint: Path) -> Path:
        """Rename a damaged checkpoint, so that nothing takes it for one; returns its new place."""
        place = checkpoint.with_name(f"{checkpoint.name}.damaged")
        with explained(place):
            return checkpoint.replace(place)

    def remove_leftovers(self) -> None:
        """Delete what killed processes did not finish: any such file, since none but the caller writes to the run."""
        for folder in (self.path, self.path / "checkpoints", self.path / "samples"):
            for path in leftovers(folder):
                with explained(path):
                    path.unlink(missing_ok=True)

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log; a line that a crash cut short is left out."""
        text = self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("}\n")]

    def describe(self, config: RunConfig, facts: dict[str, Any]) -> None:
        """Write `config.json`; `facts` are what surrounds the run, such as versions."""
        content = {"format": FORMAT, "config": to_plain(config), **facts}
        write_text(self.config_file, json.dumps(content, indent=2) + "\n")

    def facts(self) -> dict[str, Any]:
        """All of `config.json`. Raises BadRun where it is missing, damaged or of another version."""
        try:
            content: dict[str, Any] = json.loads(self.config_file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadRun(f"{self.path} is no run: it has no config.json. Runs are made by `ganzoo train`.") from error
        except (OSError, ValueError) as error:
            raise BadRun(f"Cannot read {self.config_file}: {error}.") from error
        found = content.get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise BadRun(f"{self.path} was written by another version of ganzoo (format {found}).")
        return content

    def config(self) -> RunConfig:
        """What the run computes. Raises BadRun like `facts`."""
        try:
            return msgspec.convert(self.facts()["config"], RunConfig)
        except (KeyError, msgspec.ValidationError) as error:
            raise BadRun(f"{self.config_file} is damaged: {error}.") from error


def step_of(path: Path) -> int:
    """Of a checkpoint or a picture."""
    return int(path.stem.removeprefix("step-"))


def new_run(parent: Path, recipe: str) -> RunFolder:
    """The first free `<recipe>-<number>` below `parent`, made. Raises GanzooError where it cannot be."""
    with explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        names = [re.fullmatch(re.escape(recipe) + r"-(\d{3,})", path.name) for path in parent.iterdir()]
        number = max((int(name[1]) for name in names if name), default=0) + 1
        while True:  # another process may take a number first
            path = parent / f"{recipe}-{number:03d}"
            with suppress(FileExistsError):
                path.mkdir()
                return RunFolder(path)
            number += 1


def newest_run(parent: Path) -> RunFolder:
    """The run that was started last. Raises BadRun where there is none."""
    configs = sorted(parent.glob("*/config.json"), key=lambda path: path.stat().st_mtime_ns)
    if not configs:
        raise BadRun(f"There are no runs in {parent}; start one with `ganzoo train vanilla-mlp`.")
    return RunFolder(configs[-1].parent)
