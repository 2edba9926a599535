"""Which device a model runs on, and that nothing else is claimed."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from ganzoo.core.errors import BadBundle, GanzooError
from ganzoo.sampling import providers
from ganzoo.sampling.providers import CPU, CUDA, cuda_devices, open_session

MakeBundle = Callable[..., Path]


class FakeSession:
    """Runs nothing, and says that it got what it was told to get."""

    def __init__(self, got: str, asked: list[Any]) -> None:
        self.got = got
        self.asked = [item if isinstance(item, str) else item[0] for item in asked]

    def get_providers(self) -> list[str]:
        return [self.got]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[FakeSession]]:
    """A pretended machine; returns the list that its sessions will be in."""

    def pretend(devices: int, working: bool = True, built: bool = True, fails: bool = False) -> list[FakeSession]:
        opened: list[FakeSession] = []

        def create(path: Path, asked: list[Any]) -> FakeSession:
            if fails and len(asked) > 1:
                raise BadBundle("out of memory")
            opened.append(FakeSession(CUDA if working and len(asked) > 1 else CPU, asked))
            return opened[-1]

        monkeypatch.setattr(providers, "cuda_devices", lambda: devices)
        monkeypatch.setattr(providers, "create", create)
        monkeypatch.setattr(providers, "preload_libraries", lambda: None)
        monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU] if built else [CPU])
        return opened

    return pretend


def test_auto_asks_for_cuda_where_there_is_a_device(machine: Callable[..., list[FakeSession]]) -> None:
    opened = machine(devices=1)

    assert open_session(Path("x"), "auto").get_providers() == [CUDA]
    assert [session.asked for session in opened] == [[CUDA, CPU]]


@pytest.mark.parametrize("facts", [{"devices": 0}, {"devices": 1, "built": False}])
def test_auto_does_not_even_ask_for_cuda_where_it_cannot_be(
    machine: Callable[..., list[FakeSession]], facts: dict[str, Any]
) -> None:
    opened = machine(**facts)

    assert open_session(Path("x"), "auto").get_providers() == [CPU]
    assert [session.asked for session in opened] == [[CPU]]


@pytest.mark.parametrize("facts", [{"working": False}, {"fails": True}])
def test_auto_takes_the_cpu_where_cuda_fails(machine: Callable[..., list[FakeSession]], facts: dict[str, Any]) -> None:
    machine(devices=1, **facts)

    assert open_session(Path("x"), "auto").get_providers() == [CPU]


def test_cpu_is_the_cpu_even_where_there_is_a_device(machine: Callable[..., list[FakeSession]]) -> None:
    opened = machine(devices=1)

    open_session(Path("x"), "cpu")

    assert [session.asked for session in opened] == [[CPU]]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"devices": 0}, "no NVIDIA device.*--device cpu"),
        ({"devices": 1, "built": False}, "pip install onnxruntime-gpu"),
        ({"devices": 1, "working": False}, "could not use it"),
        ({"devices": 1, "fails": True}, "could not use it"),
    ],
)
def test_cuda_that_ends_on_the_cpu_is_an_error_that_says_what_to_do(
    machine: Callable[..., list[FakeSession]], facts: dict[str, Any], said: str
) -> None:
    machine(**facts)

    with pytest.raises(GanzooError, match=said):
        open_session(Path("x"), "cuda")


def test_another_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="auto, cpu or cuda"):
        open_session(tmp_path, "tpu")  # type: ignore[arg-type]


class Driver:
    """libcuda as far as it is asked."""

    def __init__(self, init: int, status: int, count: int) -> None:
        self.init, self.status, self.count = init, status, count

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's name
        assert flags == 0
        return self.init

    def cuDeviceGetCount(self, pointer: Any) -> int:  # noqa: N802 - the driver's name
        pointer._obj.value = self.count
        return self.status


@pytest.mark.parametrize(
    ("driver", "devices"),
    [(Driver(0, 0, 2), 2), (Driver(0, 0, 0), 0), (Driver(100, 0, 2), 0), (Driver(0, 3, 2), 0)],
)
def test_devices_are_counted_where_the_driver_answers(
    monkeypatch: pytest.MonkeyPatch, driver: Driver, devices: int
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)

    assert cuda_devices() == devices


def test_without_a_driver_there_are_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)

    assert cuda_devices() == 0


def test_preloading_is_silent_and_optional(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("Failed to load libcublas"), raising=False)
    providers.preload_libraries()
    monkeypatch.delattr(ort, "preload_dlls")
    providers.preload_libraries()

    assert capsys.readouterr().out == ""


def test_a_real_session_runs_on_what_it_says_without_a_word_on_stderr(
    make_bundle: MakeBundle, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = make_bundle((2,))  # its unused constants are worth a warning to onnxruntime
    session = open_session(bundle / "generator.onnx", "auto")

    expected = CUDA if cuda_devices() and session.get_providers()[0] == CUDA else CPU
    assert session.get_providers()[0] == expected
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadBundle, match=r"cannot open .*none\.onnx"):
        open_session(tmp_path / "none.onnx")

    assert capfd.readouterr() == ("", "")


@pytest.mark.gpu
def test_cuda_gives_the_cpu_s_pictures_to_one_grey_level(make_bundle: MakeBundle) -> None:
    import numpy as np

    from ganzoo.sampling.sampler import Sampler

    bundle = make_bundle()
    if not cuda_devices():
        pytest.skip("needs a CUDA device")
    on_gpu, on_cpu = Sampler(bundle, "cuda"), Sampler(bundle, "cpu")

    assert on_gpu.provider == CUDA
    assert np.abs(on_gpu.sample(300).astype(int) - on_cpu.sample(300)).max() <= 1
