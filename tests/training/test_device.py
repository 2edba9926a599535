"""Which device trains and how it computes, and that nothing of it outlasts the run."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from toys import ToyDiscriminator, ToyGenerator, toy_config, toy_parts

from ganzoo.contracts import Players
from ganzoo.core.errors import GanzooError
from ganzoo.training.build import Components
from ganzoo.training.device import DENORMAL, machine, pick_device, settled

CONFIG = toy_config(batch_size=32)


def parts_of(generator: nn.Module) -> Components:
    return toy_parts(CONFIG, players=Players(generator, ToyDiscriminator()))


SMALL = parts_of(ToyGenerator())
LARGE = parts_of(nn.Linear(1000, 1000))
CONVOLVES = parts_of(nn.Conv2d(1, 1, 3))


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def denormals() -> bool:
    return bool(torch.tensor(DENORMAL) * 1 != 0)


@pytest.mark.parametrize(("parts", "threads"), [(SMALL, 1), (LARGE, 2), (CONVOLVES, 2)])
def test_a_small_game_has_one_thread_and_the_process_its_own_again(parts: Components, threads: int) -> None:
    with settled(parts, CONFIG):
        assert torch.get_num_threads() == threads
        assert machine(parts)["threads"] == threads
        assert not denormals()
    assert torch.get_num_threads() == 2
    assert denormals()


def test_the_user_s_number_of_threads_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with settled(SMALL, CONFIG):
        assert torch.get_num_threads() == 2


def test_all_is_restored_after_a_run_that_failed() -> None:
    with pytest.raises(ZeroDivisionError), settled(SMALL, CONFIG):
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 2
    assert denormals()


def test_cuda_that_is_not_there_is_refused_and_auto_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(GanzooError, match="finds no CUDA device here; use --device cpu"):
        pick_device("cuda")
    with pytest.raises(GanzooError, match="no device 'gpu'; choose auto, cpu, cuda"):
        pick_device("gpu")
