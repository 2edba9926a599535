"""What TensorBoard reads is what the events say, each step once, and only where that was asked for."""

import subprocess
import sys
import time
from dataclasses import asdict, replace
from math import inf, isnan, nan
from pathlib import Path

import pytest

from ganzoo.api import GanzooError, NoOptions, StepDone
from ganzoo.catalog import load_catalog
from ganzoo_tensorboard import build_logger

EVENT = StepDone(
    run=Path(),
    step=50,
    total=1000,
    terms={"discriminator/real": 0.5, "generator/r1/penalty": 0.25},
    probability_real=0.7,
    probability_fake=0.3,
    value=-1.25,
    gradient_norms={"generator": 1.5, "discriminator": 2.5},
    learning_rates={"generator": 2e-4, "discriminator": 1e-4},
    largest_logit=6.0,
    spread=0.4,
    memory=3 * 2**30,
    samples_per_second=12_345.0,
    seconds=9.0,
)
TAGS = {
    "terms/discriminator/real": 0.5,
    "terms/generator/r1/penalty": 0.25,
    "game/probability_real": 0.7,
    "game/probability_fake": 0.3,
    "game/value": -1.25,
    "game/largest_logit": 6.0,
    "game/spread": 0.4,
    "gradient_norm/generator": 1.5,
    "gradient_norm/discriminator": 2.5,
    "learning_rate/generator": 2e-4,
    "learning_rate/discriminator": 1e-4,
    "speed/samples_per_second": 12_345.0,
    "speed/memory_bytes": 3 * 2**30,
}


def write(run: Path, steps: list[int], value: float) -> None:
    """As one start of a run does, or one time that it goes on."""
    logger = build_logger(NoOptions())
    for step in steps:
        logger(replace(EVENT, run=run, step=step, value=value))
    logger.close()


def read(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag, by TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


@pytest.fixture
def tensorboard() -> None:
    pytest.importorskip("tensorboard", reason="needs TensorBoard, of the extra `tensorboard`")


@pytest.mark.usefixtures("tensorboard")
def test_every_number_of_an_event_is_a_point_at_its_step(tmp_path: Path) -> None:
    write(tmp_path, [50, 100], EVENT.value)
    found = read(tmp_path)
    assert set(found) == set(TAGS)
    for tag, value in TAGS.items():
        assert found[tag] == [(50, pytest.approx(value)), (100, pytest.approx(value))]


def test_no_number_of_an_event_is_forgotten() -> None:
    """All but what says where and when."""
    numbers = {key: value for key, value in asdict(EVENT).items() if key not in ("run", "step", "total", "seconds")}
    counts = [len(value) if isinstance(value, dict) else 1 for value in numbers.values()]
    assert sum(counts) == len(TAGS)


@pytest.mark.usefixtures("tensorboard")
def test_a_run_that_goes_on_gives_each_step_one_point(tmp_path: Path) -> None:
    """It had logged up to 200, and goes on from a checkpoint at 100; then it is started once more."""
    write(tmp_path, [50, 100, 150, 200], 1.0)
    time.sleep(1.1)  # files are read in the order of the seconds in their names
    write(tmp_path, [150, 200, 250], 2.0)
    assert read(tmp_path)["game/value"] == [(50, 1.0), (100, 1.0), (150, 2.0), (200, 2.0), (250, 2.0)]
    time.sleep(1.1)
    write(tmp_path, [300], 3.0)
    assert [step for step, _ in read(tmp_path)["game/spread"]] == [50, 100, 150, 200, 250, 300]


@pytest.mark.usefixtures("tensorboard")
def test_numbers_that_are_not_finite_are_written(tmp_path: Path) -> None:
    logger = build_logger(NoOptions())
    logger(replace(EVENT, run=tmp_path, value=nan, gradient_norms={"generator": inf}))
    logger.close()
    found = read(tmp_path)
    assert isnan(found["game/value"][0][1])
    assert found["gradient_norm/generator"] == [(50, inf)]


@pytest.mark.usefixtures("tensorboard")
def test_a_run_without_events_leaves_no_file(tmp_path: Path) -> None:
    write(tmp_path, [], 1.0)
    assert list(tmp_path.iterdir()) == []


def test_where_tensorboard_is_missing_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is a run: it is building the logger that fails."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delitem(sys.modules, "ganzoo_tensorboard.logger", raising=False)
    spec = load_catalog().loggers["tensorboard"]
    with pytest.raises(GanzooError, match=r"run: pip install 'ganzoo\[tensorboard\]'$"):
        spec.build(spec.options())


def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    code = """
import sys
import ganzoo.session
from ganzoo.catalog import load_catalog
load_catalog()
print("tensorboard" in sys.modules, "ganzoo_tensorboard.logger" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
