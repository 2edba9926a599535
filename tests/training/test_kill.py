"""A training process is killed at any moment, goes on, and ends with the bytes of one that was left in peace.

Importing torch takes longer than all the training here. So one process, this file run as a script, imports it once, and
forks every process that trains and is killed. It prints what came of them.
"""

import json
import os
import random
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

STEPS = 80
EVERY = 5  # steps from one checkpoint to the next
KEEP = 2
MOMENTS = 20
LIVES = 10  # of the run that is killed again and again
FATAL_SAVE = 4  # the checkpoint in whose writing a process dies; older ones are deleted by then
CUTS = (0.0, 0.01, 0.5, 0.99)  # shares of the file that are written when a process dies
PLACES = ("before it is renamed", "after it is renamed", "before an old one is deleted", "after an old one is deleted")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `main` prints."""
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path_factory.mktemp("kill"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # a fork inherits none of its parent's threads
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_run_killed_at_a_random_moment_ends_like_one_that_was_not(report: dict[str, Any], number: int) -> None:
    killed = report["moments"][number]
    assert killed["torn"] == []
    assert killed["end"] == report["whole"]


def test_the_moments_are_spread_over_the_run(report: dict[str, Any]) -> None:
    newest = {killed["newest"] for killed in report["moments"]}
    assert len(newest) >= MOMENTS / 4
    assert max(newest) - min(newest) >= STEPS / 4


@pytest.mark.parametrize("share", CUTS)
def test_a_checkpoint_half_written_is_no_checkpoint(report: dict[str, Any], share: float) -> None:
    killed = report["places"][f"{share} of it written"]
    assert killed["newest"] == (FATAL_SAVE - 1) * EVERY
    assert len(killed["unfinished"]) == 1
    assert killed["torn"] == []
    assert killed["end"] == report["whole"]


@pytest.mark.parametrize("place", PLACES)
def test_a_checkpoint_whole_but_not_yet_settled_loses_nothing(report: dict[str, Any], place: str) -> None:
    killed = report["places"][place]
    assert killed["newest"] == (FATAL_SAVE - ("before it" in place)) * EVERY
    assert killed["torn"] == []
    assert killed["end"] == report["whole"]


def test_a_run_killed_again_and_again_ends_like_one_that_was_not(report: dict[str, Any]) -> None:
    assert report["chain"] == report["whole"]


# What runs in the process that forks


def main(folder: Path) -> None:
    """Kill runs below `folder` in all ways, let them go on, and print what came of them."""
    started = perf_counter()
    assert finishes(folder / "whole")
    duration = perf_counter() - started
    moments = random.Random(0)

    report: dict[str, Any] = {"whole": ending(folder / "whole"), "moments": [], "places": {}}
    while len(report["moments"]) < MOMENTS:
        place = folder / f"moment-{len(report['moments'])}-{moments.random()}"
        if is_killed(train, place, moments.uniform(0, duration)):  # else it was over before
            report["moments"].append(aftermath(place))
    for name, deadly in deaths():
        place = folder / name
        assert is_killed(deadly, place)
        report["places"][name] = aftermath(place)
    for _ in range(LIVES):
        is_killed(train, folder / "chain", moments.uniform(0, 2 * duration / LIVES))
    assert finishes(folder / "chain")
    print(json.dumps({**report, "chain": ending(folder / "chain")}))


def train(folder: Path) -> None:
    from toys import toy_config, train_toy

    train_toy(folder, toy_config(steps=STEPS, checkpoint_every=EVERY, keep_checkpoints=KEEP, log_every=50))


def is_killed(act: Callable[[Path], None], folder: Path, seconds: float | None = None) -> bool:
    """Whether a process that does `act` dies by SIGKILL: its own, or ours after some time."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act(folder)
            code = 0
        except BaseException:  # noqa: BLE001 - the parent must not go on in here
            traceback.print_exc()
        finally:
            os._exit(code)
    if seconds is not None:
        sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}, f"the process in {folder} failed"
    return status != 0


def finishes(folder: Path) -> bool:
    return not is_killed(train, folder)


def aftermath(folder: Path) -> dict[str, Any]:
    """What a killed run left, and how it ends when it has gone on."""
    from ganzoo.core.run_folder import RunFolder, step_of
    from ganzoo.training.checkpoint import Damaged, read_checkpoint

    torn, run = [], RunFolder(folder)
    for path in run.checkpoints():
        try:
            read_checkpoint(path)
        except Damaged:
            torn.append(path.name)
    newest = step_of(run.checkpoints()[-1]) if run.checkpoints() else 0
    unfinished = [path.name for path in folder.glob("checkpoints/.*")]
    assert finishes(folder)
    return {"newest": newest, "torn": torn, "unfinished": unfinished, "end": ending(folder)}


def ending(folder: Path) -> dict[str, str]:
    """All files in the folder of checkpoints, and the last picture, with their SHA-256."""
    from ganzoo.core.files import sha256

    return {path.name: sha256(path) for path in [*folder.glob("checkpoints/*"), *folder.glob("samples/*")]}


def deaths() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Runs that kill themselves while they save."""
    from ganzoo.training import checkpoint

    def cut(share: float) -> Callable[[Any, Path], None]:
        return lambda values, path, *_: os.truncate(path, int(share * path.stat().st_size))

    def is_new(path: Path, *_: object) -> bool:
        return "safetensors" in path.name

    def is_old(path: Path, **_: object) -> bool:
        return path.name.startswith("step-")

    for share in CUTS:
        yield f"{share} of it written", dying(checkpoint, "save_file", FATAL_SAVE, after=cut(share))
    yield PLACES[0], dying(Path, "replace", FATAL_SAVE, counts=is_new)
    yield PLACES[1], dying(Path, "replace", FATAL_SAVE, counts=is_new, after=lambda *_: None)
    yield PLACES[2], dying(Path, "unlink", FATAL_SAVE - KEEP, counts=is_old)
    yield PLACES[3], dying(Path, "unlink", FATAL_SAVE - KEEP, counts=is_old, after=lambda *_, **__: None)


def dying(
    owner: object,
    name: str,
    call: int,
    counts: Callable[..., bool] = lambda *_: True,
    after: Callable[..., None] | None = None,
) -> Callable[[Path], None]:
    """Train, and die in that call of `owner.name`: before it is done, or when it and then `after` are done."""
    original, calls = getattr(owner, name), count(1)

    def deadly(*args: Any, **options: Any) -> Any:
        due = counts(*args, **options) and next(calls) == call
        if due and after is None:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if due and after is not None:
            after(*args, **options)
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def act(folder: Path) -> None:
        setattr(owner, name, deadly)  # in this process alone
        train(folder)

    return act


if __name__ == "__main__":
    from toys import toy_config, toy_parts

    from ganzoo.training.state import TrainState

    TrainState.start(toy_parts(toy_config()).players, toy_config())  # imports all of torch that is used, once for all
    main(Path(sys.argv[1]))
