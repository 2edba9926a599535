"""What is written down of a step, against values worked out by hand."""

import json
import sys
from collections.abc import Callable
from math import exp, inf, isnan, log, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Players
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import Diverged
from ganzoo.core.run_folder import RunFolder
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.moves import Moves
from ganzoo.training.processes import Processes
from ganzoo.training.recorder import Recorder, most_memory, spread
from ganzoo.training.state import TrainState

CATALOG = load_catalog()


def config_of(**changes: Any) -> RunConfig:
    return resolve(find_recipe("vanilla-mlp", CATALOG), CATALOG, [(key.split("__"), v) for key, v in changes.items()])


def state_at(step: int, config: RunConfig) -> TrainState:
    """Two linear players after some steps: one has the gradient 3 and 4, the other 1 in one weight and none else."""
    state = TrainState.start(Players(nn.Linear(2, 2), nn.Linear(2, 1)), config)
    state.step = step - 1
    state.follow_schedules(config)
    state.step = step
    generator, discriminator = state.players.generator, state.players.discriminator
    generator.weight.grad = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    generator.bias.grad = torch.tensor([0.0, -4.0])
    discriminator.weight.grad = torch.tensor([[0.0, 1.0]])
    return state


def moves_of(on_real: list[float], on_fake: list[float], fake: Tensor | None = None, **terms: float) -> Moves:
    named = {name: torch.tensor(value) for name, value in terms.items()}
    return Moves(named, torch.tensor(on_real), torch.tensor(on_fake), torch.zeros(3, 2) if fake is None else fake)


def strictly(text: str) -> Any:
    """Parsed as JSON, which has no NaN and no Infinity, though Python's parser takes them."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_every_number_is_that_of_the_last_update(run: RunFolder) -> None:
    """Probabilities 3/4 and 1/3 are logits log 3 and -log 2; the norm of 3 and 4 is 5."""
    config = config_of(generator_optimizer__learning_rate={"start": 1.0, "end": 0.0, "steps": 100})
    fake = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    event = Recorder(run, config, 100, 0).log(state_at(41, config), moves_of([log(3)] * 2, [-log(2)] * 2, fake))

    assert (event.step, event.total, event.run) == (41, 6000, run.path)
    assert event.probability_real == pytest.approx(3 / 4)
    assert event.probability_fake == pytest.approx(1 / 3)
    assert event.value == pytest.approx(log(3 / 4) + log(2 / 3))
    assert event.gradient_norms == {"generator": pytest.approx(5.0), "discriminator": pytest.approx(1.0)}
    assert event.learning_rates == {"generator": pytest.approx(0.6), "discriminator": 1e-3}  # after 40 steps of 100
    assert event.largest_logit == pytest.approx(log(3))
    assert event.spread == pytest.approx(0.5)  # the deviations 1 and 0
    assert event.memory > 0


def test_the_largest_logit_may_be_negative_and_of_either_kind(run: RunFolder) -> None:
    recorder, state = Recorder(run, config_of(), 100, 0), state_at(1, config_of())
    assert recorder.log(state, moves_of([1.0, -7.0], [2.0, 3.0])).largest_logit == 7.0
    assert recorder.log(state, moves_of([1.0, 1.0], [-9.0, 3.0])).largest_logit == 9.0


def test_terms_are_means_since_the_last_line(run: RunFolder) -> None:
    """A term that is not in every step is a mean over those that have it."""
    recorder, config = Recorder(run, config_of(), 100, 0), config_of()
    for step, terms in enumerate([{"a": 1.0}, {"a": 2.0, "b": 5.0}, {"a": 6.0}], 1):
        recorder.add(step, moves_of([], [], **terms).terms)
    assert recorder.log(state_at(3, config), moves_of([0.0], [0.0])).terms == {"a": 3.0, "b": 5.0}
    recorder.add(4, moves_of([], [], a=9.0).terms)
    assert recorder.log(state_at(4, config), moves_of([0.0], [0.0])).terms == {"a": 9.0}


def test_speed_counts_the_samples_that_the_discriminator_saw(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """3 steps of 5 updates on 10 samples within 2 seconds."""
    clock = iter([100.0, 102.0])
    monkeypatch.setattr("ganzoo.training.recorder.perf_counter", lambda: next(clock))
    config = config_of(batch_size=10, d_steps=5)
    event = Recorder(run, config, 100, 7).log(state_at(10, config), moves_of([0.0], [0.0]))
    assert (event.samples_per_second, event.seconds) == (75.0, 2.0)


def test_speed_is_that_of_training_alone(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10 seconds, 8 went into something else; the run took all 10."""
    clock = iter([100.0, 101.0, 109.0, 110.0])
    monkeypatch.setattr("ganzoo.training.recorder.perf_counter", lambda: next(clock))
    config = config_of(batch_size=10, d_steps=5)
    recorder = Recorder(run, config, 100, 7)
    with recorder.paused():
        pass
    event = recorder.log(state_at(10, config), moves_of([0.0], [0.0]))
    assert (event.samples_per_second, event.seconds) == (75.0, 10.0)


@given(batch=st.integers(1, 5), shape=st.lists(st.integers(1, 3), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_spread_is_that_of_numpy(batch: int, shape: list[int], seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal((batch, *shape), dtype=np.float32)
    assert spread(torch.from_numpy(samples)) == pytest.approx(samples.std(axis=0).mean(), abs=1e-6)


def test_one_sample_alone_has_no_spread() -> None:
    assert spread(torch.full((1, 3, 4, 4), 0.7)) == 0.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux, to ask the kernel in another way")
def test_memory_on_a_cpu_is_the_peak_that_the_kernel_reports() -> None:
    ballast = torch.ones(64, 2**20)  # 256 MiB
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(lines["VmHWM"].split()[0]) * 1024
    assert most_memory(torch.device("cpu")) == pytest.approx(peak, rel=0.02)
    assert peak > ballast.nbytes


def test_memory_is_in_bytes_on_macos_and_unknown_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource", reason="needs a system that counts a process's memory")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setattr(sys, "platform", "darwin")
    assert most_memory(torch.device("cpu")) == pytest.approx(peak, rel=0.02)
    monkeypatch.setattr(sys, "platform", "win32")
    assert most_memory(torch.device("cpu")) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_memory_on_a_gpu_is_the_most_that_torch_had() -> None:
    device = torch.device("cuda")
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    torch.ones(64, 2**20, device=device).add(1)  # two tensors of 256 MiB, which are gone at once
    assert most_memory(device) - before == pytest.approx(2**29, rel=0.01)


@pytest.mark.parametrize("bad", [inf, -inf, nan])
def test_the_log_stays_valid_json_whatever_the_numbers(run: RunFolder, bad: float) -> None:
    """The event says what there is, and the log has `null`."""
    config = config_of()
    state = state_at(1, config)
    state.players.generator.weight.grad[0, 0] = bad

    event = Recorder(run, config, 100, 0).log(state, moves_of([bad], [0.0], torch.tensor([[bad], [0.0]])))
    line = strictly(run.log_file.read_text())

    assert isnan(event.gradient_norms["generator"]) == isnan(bad)
    assert not isnan(event.gradient_norms["discriminator"])
    assert line["gradient_norms"] == {"generator": None, "discriminator": 1.0}
    assert (line["largest_logit"], line["spread"]) == (None, None)
    assert set(line) == {
        *("step", "terms", "probability_real", "probability_fake", "value", "gradient_norms", "learning_rates"),
        *("largest_logit", "spread", "memory", "samples_per_second", "seconds", "since"),
    }


def test_a_term_that_is_not_finite_ends_the_run(run: RunFolder) -> None:
    recorder = Recorder(run, config_of(), 100, 0)
    recorder.add(1, moves_of([], [], a=1.0, b=2.0).terms)
    recorder.add(2, moves_of([], [], a=1.0, b=inf).terms)
    with pytest.raises(Diverged, match=r"^b is no longer finite at step 2\. There is no checkpoint yet\. Start anew"):
        recorder.log(state_at(2, config_of()), moves_of([0.0], [0.0]))


def test_a_run_that_goes_on_drops_what_it_will_log_again(run: RunFolder) -> None:
    """Also from a log with NaN, as Python's own writer leaves it."""
    lines = [{"step": 10, "value": 1.5}, {"step": 20, "value": nan}, {"step": 30, "value": 1.0}]
    run.log_file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 40')
    Recorder(run, config_of(), 100, 20)
    kept = [strictly(line) for line in run.log_file.read_text().splitlines()]
    assert kept == [{"step": 10, "value": 1.5}, {"step": 20, "value": None}]


def test_each_line_says_at_which_step_its_part_of_the_run_began(run: RunFolder) -> None:
    config = config_of()
    for start, steps in ((0, (5, 10)), (10, (15, 20))):
        recorder = Recorder(run, config, 100, start)
        for step in steps:
            recorder.log(state_at(step, config), moves_of([0.0], [0.0]))
    assert [(line["step"], line["since"]) for line in run.log()] == [(5, 0), (10, 0), (15, 10), (20, 10)]


def test_one_that_does_not_write_computes_the_same_and_leaves_the_files_alone(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = '{"step":10}\n{"step":30}\n'
    run.log_file.write_text(old)
    config = config_of()
    moves = moves_of([1.0], [-1.0], torch.eye(3))
    events = []
    for writes in (False, True):
        monkeypatch.setattr("ganzoo.training.recorder.perf_counter", ticks())
        monkeypatch.setattr("ganzoo.training.recorder.most_memory", lambda device: 1)
        recorder = Recorder(run, config, 100, 20, Processes(rank=0 if writes else 1))
        recorder.add(21, {"a": torch.tensor(2.0)})
        events.append(recorder.log(state_at(21, config), moves))
        if not writes:
            assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]
            assert run.log_file.read_text() == old
    assert events[0] == events[1]
    assert [line["step"] for line in run.log()] == [10, 21]


def ticks() -> Callable[[], float]:
    """A clock that advances by a second whenever it is read."""
    times = iter(range(1000))
    return lambda: float(next(times))


class Reads(TorchDispatchMode):
    """Counts how often a number is fetched from the device, for which the device must finish all its work."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default)
        return func(*args, **(kwargs or {}))


def test_nothing_is_read_from_the_device_between_two_lines(run: RunFolder) -> None:
    recorder, config = Recorder(run, config_of(), 100, 0), config_of()
    state = state_at(9, config)
    with Reads() as reads:
        for step in range(1, 10):
            recorder.add(step, {"a": torch.tensor(exp(-step))})
            assert not recorder.is_over(step)
        assert reads.count == 0
        recorder.log(state, moves_of([0.0], [0.0]))
        assert reads.count > 0
