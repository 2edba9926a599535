"""Which device trains and how it computes, and that nothing of it outlasts the run."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from toys import ToyDiscriminator, ToyGenerator

from ganzoo.contracts import Players
from ganzoo.core.errors import GanzooError
from ganzoo.training.device import DENORMAL, machine, pick_device, settled

SMALL = Players(ToyGenerator(), ToyDiscriminator())
LARGE = Players(nn.Linear(1000, 1000), nn.Linear(1000, 1))


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def denormals() -> bool:
    return bool(torch.tensor(DENORMAL) * 1 != 0)


@pytest.mark.parametrize(("players", "threads"), [(SMALL, 1), (LARGE, 2)])
def test_a_small_game_has_one_thread_and_the_process_its_own_again(players: Players, threads: int) -> None:
    with settled(players, 64):
        assert torch.get_num_threads() == threads
        assert machine(torch.device("cpu"))["threads"] == threads
        assert not denormals()
    assert torch.get_num_threads() == 2
    assert denormals()


def test_the_user_s_number_of_threads_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with settled(SMALL, 64):
        assert torch.get_num_threads() == 2


def test_all_is_restored_after_a_run_that_failed() -> None:
    with pytest.raises(ZeroDivisionError), settled(SMALL, 64):
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 2
    assert denormals()


def test_cuda_that_is_not_there_is_refused_and_auto_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(GanzooError, match="finds no CUDA device here; use --device cpu"):
        pick_device("cuda")
    with pytest.raises(GanzooError, match="no device 'gpu'; choose auto, cpu or cuda"):
        pick_device("gpu")
