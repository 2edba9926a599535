"""Scores that say where they come from, so that unlike ones are not compared."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.core.errors import BadData, BadRun, UsageError
from ganzoo.core.files import explained, write_text
from ganzoo.core.options import to_plain
from ganzoo.core.run_folder import RunFolder

FORMAT = 1
FREE = ("target", "target_hash", "floor", "seed", "versions")  # in which scores that are compared may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All that a score depends on."""

    metric: str
    options: dict[str, Any]
    extractor: str  # of features or probabilities; "" = none
    extractor_hash: str
    extractor_accuracy: float | None  # of a classifier, on pictures that it did not see
    generated: int  # samples that were scored
    real: int  # samples that they were compared with
    floor: int  # real samples that were scored in their place
    training: int  # real samples that were searched for copies, of metrics that see samples
    dataset: str
    dataset_options: dict[str, Any]  # the split among them
    dataset_digest: str  # SHA-256 of what was compared with
    target: str  # with the split and the classes of a data set that is scored
    target_hash: str  # SHA-256 of a checkpoint, of a bundle's generator, or of data
    seed: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number, and the same of real samples; lists are for files."""

    name: str  # e.g. "FD[mnist-cnn@1a2b3c4d]"
    value: float | list[float]
    floor: float | list[float] | None  # of other real samples in the generated ones' place
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one judging of a run found, a line of its `scores.jsonl`."""

    step: int
    scores: list[Score]


def difference(one: Score, other: Score) -> float:
    """`one` less `other`. Raises UsageError where they are not the same number of the same thing, naming what differs.

    What is scored, seeds and versions may differ; all else that a score depends on may not.
    """
    left, right = ({"name": each.name} | asdict(each.provenance) for each in (one, other))
    differs = [f"{key} ({left[key]} and {right[key]})" for key in left if key not in FREE and left[key] != right[key]]
    if differs:
        raise UsageError(f"These scores do not compare, since they differ in {', '.join(differs)}.")
    if isinstance(one.value, list) or isinstance(other.value, list):
        raise UsageError(f"{one.name} is a list of numbers, which have no difference; compare others.")
    return one.value - other.value


def write_scores(path: Path, scores: list[Score], command: str) -> None:
    """As JSON. Raises GanzooError where the disk refuses."""
    content = {"format": FORMAT, "command": command, "scores": to_plain(scores)}
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_scores(path: Path) -> list[Score]:
    """What `write_scores` wrote. Raises BadData where it is missing, damaged or of another version."""
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise BadData(f"{path} was written by another version of ganzoo; evaluate again.")
        return msgspec.convert(content["scores"], list[Score])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} holds no scores of `ganzoo evaluate` ({error}).") from error


def append_scores(run: RunFolder, step: int, scores: list[Score]) -> None:
    """Add them to those of the run, as found at its checkpoint of `step`. Raises GanzooError where the disk refuses."""
    line = json.dumps(to_plain(Judged(step=step, scores=scores))) + "\n"
    with explained(run.scores_file), run.scores_file.open("a+b") as file:
        if file.tell() and not run.scores_file.read_bytes().endswith(b"\n"):  # a crash cut the last line short
            file.write(b"\n")
        file.write(line.encode())


def scores_over_time(run: RunFolder) -> list[Judged]:
    """In the order in which they were found; a step may come several times, by other metrics or samples.

    A line that a crash cut short or damaged is left out. Raises BadRun where a line is of another version.
    """
    text = run.scores_file.read_bytes() if run.scores_file.exists() else b""
    found = []
    for line in text.splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        try:
            found.append(msgspec.convert(content, Judged))
        except msgspec.ValidationError as error:
            raise BadRun(
                f"{run.scores_file} was written by another version of ganzoo ({error}); delete it, and evaluate again."
            ) from error
    return found
