"""Samples that are read while training are those that would have been in memory, whatever happens meanwhile."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import CPU, final_digest, toy_config, toy_data, toy_parts, train_toy

from ganzoo.core.errors import BadData, GanzooError
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.training.draws import Draws
from ganzoo.training.streaming import Streamed, undisturbed, wants_stream
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal

PRIOR = Normal(NormalOptions(size=2))
PATIENCE = 30  # seconds
BROKEN = BadData("The picture x.png cannot be read.")


@dataclass
class ToyRows:
    """Rows whose reading can be watched, and can fail."""

    samples: np.ndarray
    broken: int = -1  # the number of a sample that cannot be read
    error: Exception = BROKEN
    log: Path | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.samples.shape

    @property
    def dtype(self) -> "np.dtype[Any]":
        return self.samples.dtype

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        assert index.dtype == np.int64
        if self.broken in index:
            raise self.error
        if self.log:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()} {torch.get_num_threads()} {' '.join(map(str, index.tolist()))}\n")
        return self.samples[index]

    def digest(self) -> str:
        return "toy"


def rows_of(data: Data, **more: Any) -> Data:
    return replace(data, samples=ToyRows(data.samples, **more))


@contextmanager
def draws(data: Data, shares: Sequence[range] = (), **settings: Any) -> Iterator[Draws]:
    """Without workers unless said."""
    source = Draws(data, PRIOR, toy_config(**{"workers": 0, **settings}), CPU, shares)
    with closing(source):
        yield source


def assert_equal(one: Draws, other: Draws, updates: Sequence[int]) -> None:
    """To the last bit."""
    for update in updates:
        for left, right in zip(one.discriminator(update), other.discriminator(update), strict=True):
            assert torch.equal(left.real, right.real)
            assert left.real.dtype == right.real.dtype
            assert (left.labels is None) == (right.labels is None)
            assert left.labels is None or torch.equal(left.labels, right.labels)
            assert torch.equal(left.latents, right.latents)


def pictures(count: int = 30) -> Data:
    return Data(np.random.default_rng(1).integers(0, 256, (count, 3, 6, 5), np.uint8))


# The same batches


CUTS = ([0, 4], [0, 2, 4], [0, 1, 2, 3, 4], [1, 2], [2, 3, 4])


@pytest.mark.parametrize("seed", range(25))
def test_streamed_batches_are_those_in_memory(seed: int) -> None:
    """In any order of updates, over the end of epochs, for any share of the batch."""
    random = np.random.default_rng(seed)
    count, labelled, cuts = int(random.integers(4, 41)), seed % 2 == 0, CUTS[seed % len(CUTS)]
    updates = random.integers(0, 31, random.integers(1, 9)).tolist()
    data = toy_data(count) if labelled else Data(toy_data(count).samples)
    shares = [range(a, b) for a, b in pairwise(cuts)]
    with (
        draws(data, shares, batch_size=4) as held,
        draws(data, shares, batch_size=4, stream="always") as streamed,
        draws(rows_of(data), shares, batch_size=4) as lazy,
    ):
        assert isinstance(streamed.real, Streamed)
        assert isinstance(lazy.real, Streamed)
        assert_equal(held, streamed, updates)
        assert_equal(held, lazy, updates)
        assert torch.equal(held.first(3), lazy.first(3))
        assert torch.equal(held.first(100), streamed.first(100))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_prepare_the_same_batches(workers: int) -> None:
    """In order, again, from the middle of an epoch, and back."""
    shares = [range(4, 8), range(8, 12)]
    settings = {"batch_size": 16, "mirror": True, "shift": 2}
    with (
        draws(pictures(), shares, **settings) as held,
        draws(rows_of(pictures()), shares, workers=workers, **settings) as lazy,
    ):
        assert_equal(held, lazy, [0, 1, 2, 3, 4, 4, 3, 17, 18, 0, 1])


def test_a_process_reads_its_own_rows_only(tmp_path: Path) -> None:
    """The order of the data set is 0, 1, 2… where the log says so: its numbers are what was read."""
    log = tmp_path / "read"
    with draws(rows_of(toy_data(), log=log), [range(2, 4), range(4, 5)], batch_size=8) as streamed:
        index = streamed.real.order.batch(6).tolist()
        streamed.discriminator(6)
    (line,) = log.read_text().splitlines()
    assert [int(word) for word in line.split()[2:]] == index[2:5]


def test_workers_are_other_processes_with_one_thread_which_stay(tmp_path: Path) -> None:
    log = tmp_path / "read"
    with draws(rows_of(toy_data(), log=log), workers=2) as streamed:
        for update in (0, 1, 2, 3, 9, 10, 4):
            streamed.discriminator(update)
        lines = [line.split() for line in log.read_text().splitlines()]
    assert len({line[0] for line in lines}) == 2
    assert str(os.getpid()) not in {line[0] for line in lines}
    assert {line[1] for line in lines} == {"1"}


def test_a_file_in_memory_s_place_just_works(tmp_path: Path) -> None:
    """Samples stay in the file, though the file cannot be written to."""
    data = pictures()
    np.save(tmp_path / "pictures.npy", data.samples)
    mapped = Data(np.load(tmp_path / "pictures.npy", mmap_mode="r"))
    with draws(data) as held, draws(mapped, workers=1) as streamed:
        assert isinstance(streamed.real, Streamed)
        assert_equal(held, streamed, range(4))


# The same run


@pytest.mark.parametrize("settings", [{}, {"updates": "simultaneous"}, {"d_steps": 2, "accumulate": 2}])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_streamed_run_ends_as_one_in_memory(tmp_path: Path, settings: dict[str, Any], workers: int) -> None:
    """Dropout and a penalty draw at random, and the data set ends within a batch."""
    config = toy_config(**settings)
    train_toy(tmp_path / "held", config)
    streamed = replace(config, stream="always", workers=workers)
    parts = toy_parts(streamed)
    with closing(parts.draws):
        train_toy(tmp_path / "streamed", streamed, draws=parts.draws)
    assert final_digest(tmp_path / "streamed") == final_digest(tmp_path / "held")


def test_a_streamed_run_that_is_resumed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """It may be resumed in memory, too."""
    config = toy_config(stream="always", workers=1)
    for steps, stream in ((5, "always"), (9, "never"), (12, "always")):
        part = replace(config, steps=steps, stream=stream)
        parts = toy_parts(part)
        with closing(parts.draws):
            train_toy(tmp_path / "parts", part, draws=parts.draws)
    train_toy(tmp_path / "whole", toy_config())
    assert final_digest(tmp_path / "parts") == final_digest(tmp_path / "whole")


@pytest.mark.parametrize("workers", [0, 2])
def test_streaming_leaves_torch_s_random_numbers_alone(workers: int) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    with draws(toy_data(), stream="always", workers=workers) as streamed:
        for update in (0, 1, 5):
            streamed.discriminator(update)
    assert torch.equal(torch.get_rng_state(), before)


# What goes wrong


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadData("The picture x.png cannot be read."), r"^The picture x\.png cannot be read\.$"),
        (OSError(5, "Input/output error", "x.png"), r"^Data set 'toy' cannot be read: .*x\.png'\.$"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named(workers: int, error: Exception, told: str) -> None:
    with draws(rows_of(toy_data(), broken=3, error=error), workers=workers) as streamed:
        for _ in range(2):  # and again
            with pytest.raises(BadData, match=told):
                for update in range(3):
                    streamed.discriminator(update)


def test_the_first_samples_may_be_broken_too() -> None:
    with (
        draws(rows_of(toy_data(), broken=3)) as streamed,
        pytest.raises(BadData, match=r"^The picture x\.png"),
    ):
        streamed.first(5)


def test_a_broken_sample_ends_the_run_and_leaves_what_is_saved(tmp_path: Path) -> None:
    config = toy_config(checkpoint_every=1, steps=12)
    order = Draws(toy_data(), PRIOR, config, CPU).real.order
    broken = order.batch(1)[-1].item()
    source = Draws(rows_of(toy_data(), broken=broken), PRIOR, replace(config, workers=1), CPU)
    with closing(source), pytest.raises(BadData, match=r"x\.png"):
        train_toy(tmp_path / "cut", config, draws=source)
    assert RunFolder(tmp_path / "cut").newest_checkpoint().stem == "step-00000001"

    train_toy(tmp_path / "cut", config)
    train_toy(tmp_path / "whole", config)
    assert final_digest(tmp_path / "cut") == final_digest(tmp_path / "whole")


def test_a_mistake_of_a_plugin_is_not_hidden() -> None:
    rows = rows_of(toy_data(), broken=3, error=RuntimeError("a mistake"))
    for workers in (0, 1):
        with draws(rows, workers=workers) as streamed, pytest.raises(RuntimeError, match="a mistake"):
            for update in range(3):
                streamed.discriminator(update)


def test_rows_of_another_shape_than_they_said_are_refused() -> None:
    class Liar(ToyRows):
        @property
        def shape(self) -> tuple[int, ...]:
            return (40, 3)

    with (
        draws(Data(Liar(toy_data().samples))) as streamed,
        pytest.raises(GanzooError, match=r"said that they are float32 \[16, 3\], but are float32 \[16, 2\]"),
    ):
        streamed.discriminator(0)


def test_a_worker_that_is_killed_is_spoken_of() -> None:
    with draws(rows_of(toy_data()), workers=1) as streamed:
        streamed.discriminator(0)
        (worker,) = streamed.real.processes
        worker.kill()
        with pytest.raises(GanzooError, match="--set workers=0"):
            for update in range(1, 10):
                streamed.discriminator(update)


# Workers end with the run


def test_no_worker_is_left_behind() -> None:
    before = set(multiprocessing.active_children())
    with draws(rows_of(toy_data()), workers=2) as streamed:
        streamed.discriminator(0)
        assert len(set(multiprocessing.active_children()) - before) == 2
    assert set(multiprocessing.active_children()) == before


def test_closing_twice_or_before_reading_does_no_harm() -> None:
    with draws(rows_of(toy_data()), workers=1) as streamed:
        streamed.close()
        first = streamed.discriminator(0)[0].real
        streamed.close()
        assert torch.equal(streamed.discriminator(0)[0].real, first)
        streamed.close()


def test_workers_hear_neither_ctrl_c_nor_a_termination_request() -> None:
    with draws(rows_of(toy_data()), workers=2) as streamed, draws(toy_data()) as held:
        assert_equal(held, streamed, [0])
        for number in (signal.SIGINT, signal.SIGTERM):
            for process in streamed.real.processes:
                os.kill(process.pid, number)
        assert_equal(held, streamed, range(1, 12))


def test_signals_that_come_while_workers_start_are_kept() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt):
        with undisturbed():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            time.sleep(0.05)
            reached = True
        time.sleep(1)
    assert reached


SCRIPT = """
import sys, time
from test_streaming import draws, rows_of, toy_data

with draws(rows_of(toy_data()), workers=2) as streamed:
    streamed.discriminator(0)
    print(*(process.pid for process in streamed.real.processes), flush=True)
    {then}
"""


def started(then: str) -> "subprocess.Popen[str]":
    tests = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(then=then)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}", "OMP_NUM_THREADS": "1"},
        cwd=tests.parents[1],
    )


def wait_until_gone(pids: list[int]) -> None:
    begin = time.monotonic()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() - begin < PATIENCE, "a worker outlives its run"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("then", "stop", "expected"),
    [
        ("time.sleep(60)", signal.SIGINT, 1),  # to the whole group, as a terminal does
        ("time.sleep(60)", signal.SIGKILL, 0),
        ("sys.modules['keep'] = streamed; streamed.real.close = lambda: None; sys.exit()", None, 0),  # nobody closes it
    ],
    ids=["Ctrl-C", "kill", "exit"],
)
def test_workers_die_with_the_run_and_say_nothing(then: str, stop: int | None, expected: int) -> None:
    with started(then) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        try:
            if stop == signal.SIGKILL:
                process.kill()
            elif stop:
                os.killpg(process.pid, stop)
            process.wait(PATIENCE)
            wait_until_gone(pids)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        said = process.stderr.read()
    assert said.count("Traceback") == expected, said
    assert "Process" not in said


LATE = """
import multiprocessing, os, time
from ganzoo.training.streaming import settle

def worker(run):
    while os.getppid() == run:
        time.sleep(0.01)
    settle(0)
    time.sleep(60)

process = multiprocessing.get_context("fork").Process(target=worker, args=(os.getpid(),))
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_worker_that_starts_when_its_run_is_already_gone_ends() -> None:
    command = [sys.executable, "-c", LATE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stdout is not None
        late = int(run.stdout.readline())
        try:
            run.kill()
            run.wait(PATIENCE)
            wait_until_gone([late])
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


# What is streamed


def test_the_user_decides_and_else_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * 40 * 2 * 4 - 1, 10**9))
    data, config, gpu = toy_data(), toy_config(), torch.device("cuda")
    np.save(tmp_path / "points.npy", data.samples)
    mapped = Data(np.load(tmp_path / "points.npy", mmap_mode="r")[::2])

    assert not wants_stream(data, config, CPU)
    assert wants_stream(data, config, gpu)  # 320 bytes are more than half of 639
    assert wants_stream(data, replace(config, stream="always"), CPU)
    assert not wants_stream(data, replace(config, stream="never"), gpu)
    assert wants_stream(rows_of(data), config, CPU)
    assert wants_stream(mapped, config, CPU)

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * 40 * 2 * 4, 10**9))
    assert not wants_stream(data, config, gpu)


def test_arrays_are_not_copied_to_workers_that_do_not_share_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    context = multiprocessing.get_context("spawn")
    monkeypatch.setattr("ganzoo.training.streaming.multiprocessing.get_context", lambda: context)
    assert Streamed(toy_data(), toy_config(workers=2), CPU, [range(16)]).workers == 0
    assert Streamed(rows_of(toy_data()), toy_config(workers=2), CPU, [range(16)]).workers == 2


def test_what_a_worker_is_given_survives_pickle() -> None:
    error = pickle.loads(pickle.dumps(BadData("The picture x.png cannot be read.")))
    assert str(error) == "The picture x.png cannot be read."
