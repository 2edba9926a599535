"""Which device a model runs on, and that nothing else is claimed."""

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from ganzoo.core.errors import BadBundle, GanzooError, UsageError
from ganzoo.sampling import providers, wheels
from ganzoo.sampling.driver import cuda_devices
from ganzoo.sampling.providers import CPU, CUDA, TENSORRT, TINY, Target, open_session, try_out

MakeBundle = Callable[..., Path]
TO_OPEN = Path("x.onnx")


class FakeSession:
    """Runs the tiny graph alone, and says that it got what it was told to get."""

    def __init__(self, got: list[str], asked: list[Any], answer: float) -> None:
        self.got = got
        self.asked = [item if isinstance(item, str) else item[0] for item in asked]
        self.options = [item[1] for item in asked if not isinstance(item, str)]
        self.answer = answer

    def get_providers(self) -> list[str]:
        return self.got

    def run(self, names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        if np.isnan(self.answer):
            raise RuntimeError("no kernel image is available for execution on the device")
        return [np.full((1, 1, 2, 2), self.answer, np.float32)]


Machine = Callable[..., list[FakeSession]]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A pretended machine; returns the list that the sessions of models will be in, without those of the tiny graph.

    `runs` are the providers that do run, in a session; `model_fails` and `model_elsewhere` are about the user's model
    alone; `answer` is what the tiny graph gives.
    """

    def pretend(
        devices: int = 1,
        runs: tuple[str, ...] = (CUDA,),
        built: tuple[str, ...] = (TENSORRT, CUDA),
        missing: tuple[str, ...] = (),
        answer: float = 8.0,
        model_fails: bool = False,
        model_elsewhere: bool = False,
    ) -> list[FakeSession]:
        opened: list[FakeSession] = []

        def new_session(
            model: Path | bytes, asked: list[Any], threads: int | None = None, spin: bool = True
        ) -> FakeSession:
            on_gpu, tiny = len(asked) > 1, model == TINY
            if on_gpu and not tiny and model_fails:
                raise RuntimeError("CUDA failure 2: out of memory")
            session = FakeSession([], asked, answer)
            session.got = [name for name in session.asked if name == CPU or name in runs]
            if not tiny:
                session.got = [CPU] if model_elsewhere else session.got
                opened.append(session)
            return session

        monkeypatch.setattr(providers, "cuda_devices", lambda: devices)
        monkeypatch.setattr(providers, "new_session", new_session)
        monkeypatch.setattr(providers, "preload_libraries", lambda: list(missing))
        monkeypatch.setattr(providers, "has_cuda_wheel", lambda: True)
        monkeypatch.setattr(ort, "get_available_providers", lambda: [*built, CPU])
        return opened

    return pretend


def test_the_tiny_graph_is_what_its_comment_says() -> None:
    """relu(conv(x, ones [2, 2])) @ ones [2, 2]: a pixel sums 4 ones, and a row 2 pixels."""
    ones = [
        numpy_helper.from_array(np.ones(shape, np.float32), name)
        for name, shape in (("w", (1, 1, 2, 2)), ("m", (2, 2)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "m"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(*port) for port in (("x", 1, [1, 1, 3, 3]), ("y", 1, [1, 1, 2, 2])))
    assert x.type.tensor_type.elem_type == TensorProto.FLOAT
    graph = helper.make_graph(nodes, "tiny", [x], [y], ones)
    assert onnx.load_from_string(TINY) == helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    assert try_out(Target("cpu")).problem == ""


def test_auto_asks_for_cuda_where_there_is_a_device(machine: Machine) -> None:
    opened = machine()

    assert open_session(TO_OPEN, "auto").get_providers() == [CUDA, CPU]
    assert [session.asked for session in opened] == [[CUDA, CPU]]


@pytest.mark.parametrize("facts", [{"devices": 0}, {"built": ()}])
def test_auto_does_not_even_ask_for_cuda_where_it_cannot_be(machine: Machine, facts: dict[str, Any]) -> None:
    opened = machine(**facts)

    assert open_session(TO_OPEN, "auto").get_providers() == [CPU]
    assert [session.asked for session in opened] == [[CPU]]


@pytest.mark.parametrize(
    "facts", [{"runs": ()}, {"model_fails": True}, {"model_elsewhere": True}, {"answer": 7.0}, {"answer": np.nan}]
)
def test_auto_takes_the_cpu_where_cuda_fails(machine: Machine, facts: dict[str, Any]) -> None:
    """No library, no memory, no kernel for this card, or a wrong result."""
    opened = machine(**facts)

    assert open_session(TO_OPEN, "auto").get_providers() == [CPU]
    assert opened[-1].asked == [CPU]


def test_cpu_is_the_cpu_even_where_there_is_a_device(machine: Machine) -> None:
    opened = machine()

    open_session(TO_OPEN, "cpu")

    assert [session.asked for session in opened] == [[CPU]]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"devices": 0}, "no NVIDIA device.*--device cpu"),
        ({"built": ()}, "built without CUDA; `pip uninstall onnxruntime`, then `pip install onnxruntime-gpu`"),
        ({"runs": (), "missing": ("libcublas.so.13",)}, r"CUDA \(missing: libcublas.so.13\).*-gpu\[cuda,cudnn\]"),
        ({"runs": ()}, "could not use CUDA .*cuDNN"),
        ({"answer": 7.0}, "wrong result"),
        ({"answer": np.nan}, "no kernel image is available.*--device cpu"),
        ({"model_fails": True}, "CUDA runs here, but not this model: .*out of memory; use --device cpu"),
        ({"model_elsewhere": True}, "CUDA runs here, but onnxruntime put this model elsewhere"),
    ],
)
def test_cuda_that_ends_on_the_cpu_is_an_error_that_says_what_to_do(
    machine: Machine, facts: dict[str, Any], said: str
) -> None:
    machine(**facts)

    with pytest.raises(GanzooError, match=said):
        open_session(TO_OPEN, "cuda")


def test_where_no_wheel_has_cuda_none_is_recommended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(built=())
    monkeypatch.setattr(providers, "has_cuda_wheel", lambda: False)

    with pytest.raises(GanzooError, match="no onnxruntime with CUDA for machines of this kind; use --device cpu"):
        open_session(TO_OPEN, "cuda")


def test_a_gpu_s_number_is_asked_for(machine: Machine) -> None:
    opened = machine(devices=2, runs=(TENSORRT, CUDA))

    open_session(TO_OPEN, "cuda:1")
    open_session(TO_OPEN, "tensorrt:1")

    assert [[options["device_id"] for options in session.options] for session in opened] == [["1"], ["1", "1"]]


@pytest.mark.parametrize("kind", ["cuda", "tensorrt"])
def test_a_gpu_s_number_out_of_range_is_an_error_that_says_the_range(machine: Machine, kind: str) -> None:
    machine(devices=2)
    with pytest.raises(GanzooError, match="no GPU 2 here; this machine has cuda:0 to cuda:1"):
        open_session(TO_OPEN, f"{kind}:2")
    machine(devices=1)
    with pytest.raises(GanzooError, match="this machine has cuda:0 alone"):
        open_session(TO_OPEN, f"{kind}:1")


def test_tensorrt_comes_before_cuda_and_the_cpu_and_keeps_its_engines(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    opened = machine(runs=(TENSORRT, CUDA))

    assert open_session(TO_OPEN, "tensorrt").get_providers()[0] == TENSORRT
    assert opened[0].asked == [TENSORRT, CUDA, CPU]
    assert opened[0].options[0]["trt_engine_cache_path"] == str(tmp_path / "tensorrt")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, r"TensorRT \(its libraries are missing.*pip install 'tensorrt-cu\d\d<11'`, or --device cuda"),
        ({"runs": (), "missing": ("libcublas.so.13",)}, r"missing: libcublas.*-gpu\[cuda,cudnn\]"),
        ({"built": (CUDA,)}, "built without TensorRT"),
        ({"devices": 0}, "no NVIDIA device"),
    ],
)
def test_tensorrt_that_cannot_be_had_is_an_error_even_where_cuda_runs(
    machine: Machine, facts: dict[str, Any], said: str
) -> None:
    machine(**facts)

    with pytest.raises(GanzooError, match=said):
        open_session(TO_OPEN, "tensorrt")


@pytest.mark.parametrize(
    "name", ["tpu", "auto:1", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "cuda1", "CUDA", "", "cuda\n"]
)
def test_another_device_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cuda or tensorrt, or cuda:1"):
        open_session(tmp_path, name)


def test_the_threads_are_those_that_were_asked_for() -> None:
    assert open_session(TINY, "cpu", threads=3).get_session_options().intra_op_num_threads == 3
    assert open_session(TINY, "cpu").get_session_options().intra_op_num_threads == 0  # onnxruntime's choice


def test_beside_a_server_idle_threads_leave_the_processor_to_others() -> None:
    options = open_session(TINY, "cpu", spin=False).get_session_options()

    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert open_session(TINY, "cpu", spin=False).run(None, {"x": np.ones((1, 1, 3, 3), np.float32)})[0].max() == 8


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


def test_preloading_names_what_is_missing_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def preload() -> None:
        print("Failed to load /site/nvidia/libcublas.so.13: no such file")
        print("Failed to load libcublas.so.13: no such file\nFailed to load libcurand.so.10: x: y")

    monkeypatch.setattr(ort, "preload_dlls", preload, raising=False)
    assert providers.preload_libraries() == ["libcublas.so.13", "libcurand.so.10"]
    monkeypatch.delattr(ort, "preload_dlls")
    assert providers.preload_libraries() == []

    assert capsys.readouterr().out == ""


def test_a_provider_without_its_libraries_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """onnxruntime itself is told to load what this machine may lack; it must not write of it."""
    for kind in ("cuda", "tensorrt"):
        if Target(kind).provider in ort.get_available_providers():
            providers.run_tiny(Target(kind))

    assert capfd.readouterr() == ("", "")


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
    from ganzoo.sampling.sampler import Sampler

    bundle = make_bundle()
    if not cuda_devices():
        pytest.skip("needs a CUDA device")
    on_gpu, on_cpu = Sampler(bundle, "cuda"), Sampler(bundle, "cpu")

    assert on_gpu.provider == CUDA
    assert np.abs(on_gpu.sample(300).astype(int) - on_cpu.sample(300)).max() <= 1


# Which onnxruntime is installed


def pretend_installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def version(name: str) -> str:
        if name in names:
            return "1.31.0"
        raise wheels.PackageNotFoundError(name)

    monkeypatch.setattr(wheels, "version", version)


@pytest.mark.parametrize(
    ("system", "machine_", "names", "said"),
    [
        ("linux", "x86_64", (), "`pip install onnxruntime-gpu`"),
        ("darwin", "arm64", (), "`pip install onnxruntime`"),
        ("linux", "aarch64", ("onnxruntime",), "`pip uninstall -y onnxruntime`, then `pip install onnxruntime`"),
        (
            "win32",
            "AMD64",
            ("onnxruntime", "onnxruntime-directml"),
            "`pip uninstall -y onnxruntime onnxruntime-directml`, then `pip install onnxruntime-directml`",
        ),
    ],
)
def test_the_wheel_that_is_kept_is_the_special_one_or_this_machine_s(
    monkeypatch: pytest.MonkeyPatch, system: str, machine_: str, names: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(wheels, "platform", SimpleNamespace(machine=lambda: machine_))
    pretend_installed(monkeypatch, *names)

    assert wheels.mend(wheels.wheels()) == said


def test_two_wheels_are_named_and_one_is_not() -> None:
    assert wheels.several(["onnxruntime"]) == wheels.several([]) == ""
    said = wheels.several(["onnxruntime", "onnxruntime-gpu"])
    assert said.startswith("onnxruntime and onnxruntime-gpu are installed in the same place")
    assert said.endswith("`pip uninstall -y onnxruntime onnxruntime-gpu`, then `pip install onnxruntime-gpu`.")


def installed(site: Path, names: list[str], module: str | None) -> dict[str, str]:
    """The environment of a process that finds these distributions, and this `onnxruntime`, before the real ones."""
    for name in names:
        facts = site / f"{name.replace('-', '_')}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if module is not None:
        (site / "onnxruntime").mkdir(parents=True)
        (site / "onnxruntime" / "__init__.py").write_text(module)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}


def said_by(code: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("", "it has no __version__"),
        ("__version__ = '1'", "it has no InferenceSession"),
        ("raise ImportError('libonnxruntime.so: cannot open shared object file')", "libonnxruntime.so: cannot open"),
        ("import onnxruntime.capi", "No module named 'onnxruntime.capi'"),
    ],
)
def test_a_broken_onnxruntime_is_one_sentence_with_the_lines_that_mend_it(
    tmp_path: Path, module: str, said: str
) -> None:
    environment = installed(tmp_path, ["onnxruntime", "onnxruntime-gpu"], module)
    command = "from ganzoo.cli import main; main(['sample', 'nowhere'])"

    done = said_by(command, environment)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("Error: onnxruntime and onnxruntime-gpu cannot be imported (")
    assert done.stderr.endswith("`pip install onnxruntime-gpu`.\n")
    assert done.stderr.count("\n") == 1


def test_two_wheels_that_work_are_noted_once_and_work_on(tmp_path: Path) -> None:
    environment = installed(tmp_path, ["onnxruntime", "onnxruntime-gpu"], None)
    code = (
        "from ganzoo.sampling import providers\nimport ganzoo.sampling.sampler\n"
        "print(providers.open_session(providers.TINY, 'cpu').get_providers())"
    )

    done = said_by(code, environment)

    assert done.stdout == f"['{CPU}']\n"
    assert done.stderr.startswith("Note: onnxruntime and onnxruntime-gpu are installed in the same place")
    assert done.stderr.count("\n") == 1


def test_onnxruntime_is_imported_in_one_place() -> None:
    """Elsewhere, a broken one would be a traceback."""
    root = Path(providers.__file__).parents[1]
    found = [path for path in root.rglob("*.py") if re.search(r"^\s*(import|from) onnxruntime", path.read_text(), re.M)]

    assert [path.name for path in found] == ["runtime.py"]
