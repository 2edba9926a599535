"""Where a run keeps its files.

config.json                      everything resolved, versions, machine
log.jsonl                        one line every `log_every` steps
checkpoints/step-00001000.safetensors
samples/step-00001000.png        always the same latents
report.html                      curves and pictures, for people
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadRun
from ganzoo.core.files import explained, write_text
from ganzoo.core.options import to_plain

FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def log_file(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    def checkpoint_file(self, step: int) -> Path:
        return self.path / "checkpoints" / f"step-{step:08d}.safetensors"

    def samples_file(self, step: int) -> Path:
        return self.path / "samples" / f"step-{step:08d}.png"

    def checkpoints(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.path.glob("checkpoints/step-*.safetensors"), key=step_of)

    def newest_checkpoint(self) -> Path:
        """Raises BadRun where the run has none."""
        checkpoints = self.checkpoints()
        if not checkpoints:
            raise BadRun(f"{self.path} has no checkpoint yet; train it for longer, or name another run.")
        return checkpoints[-1]

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
