"""What `examine` finds on machines that are pretended, and on this one."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from ganzoo.catalog import Catalog, Plugin
from ganzoo.core.errors import GanzooError
from ganzoo.sampling import doctor, providers
from ganzoo.sampling.doctor import Finding, State, examine
from ganzoo.sampling.providers import CPU, CUDA, TENSORRT, Target, Trial

Pretend = Callable[..., dict[str, Finding]]
HEALTHY_TORCH = {"version": "2.13.0+cpu", "cuda": None, "gpus": [], "problem": ""}
CUDA_TORCH = {"version": "2.13.0+cu130", "cuda": "13.0", "gpus": ["H100"], "problem": ""}
LIBRARIES_MISSING = "onnxruntime found the GPU but could not use CUDA; try another."


class Answer:
    """A process that has ended."""

    def __init__(self, said: str, complaint: str = "", returncode: int = 0) -> None:
        self.said, self.complaint, self.returncode = said, complaint, returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        return self.said, self.complaint


WELL = Answer(json.dumps(HEALTHY_TORCH))


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """The findings on a machine with these GPUs, wheels and torch; part → finding."""

    def examined(
        gpus: int = 0,
        wheels: tuple[str, ...] = ("onnxruntime-gpu",),
        built: tuple[str, ...] = (TENSORRT, CUDA),
        trouble: dict[str, str] | None = None,
        import_fails: str = "",
        torch: Answer | None = WELL,
        catalog: Catalog | None = None,
    ) -> dict[str, Finding]:
        def load_providers() -> Any:
            if import_fails:
                raise GanzooError(import_fails)
            return providers

        def try_out(target: Target) -> Trial:
            return Trial((trouble or {}).get(target.kind, ""), 0.25)

        monkeypatch.setattr(doctor, "cuda_devices", lambda: gpus)
        monkeypatch.setattr(doctor, "cuda_cards", lambda: ["H100, 85 GB"] * gpus)
        monkeypatch.setattr(doctor, "newest_cuda", lambda: "13.0")
        monkeypatch.setattr(doctor, "wheels", lambda: dict.fromkeys(wheels, "1.31.1"))
        monkeypatch.setattr(doctor, "load_providers", load_providers)
        monkeypatch.setattr(doctor, "start_torch", lambda: torch)
        monkeypatch.setattr(providers, "cuda_devices", lambda: gpus)
        monkeypatch.setattr(providers, "try_out", try_out)
        monkeypatch.setattr(ort, "get_available_providers", lambda: [*built, CPU])
        if catalog is not None:
            monkeypatch.setattr(doctor, "load_catalog", lambda: catalog)
        return {finding.part: finding for finding in examine()}

    return examined


def states(findings: dict[str, Finding], state: State) -> list[str]:
    return [part for part, finding in findings.items() if finding.state == state]


def test_no_gpu_is_nothing_to_do_about(pretend: Pretend) -> None:
    found = pretend()

    assert states(found, "broken") == states(found, "note") == []
    assert not any(finding.advice for finding in found.values())
    assert found["--device cpu"].found == "runs; a tiny graph took 0.25 s the first time"
    assert found["--device cuda"].found == "compiled in; there is no GPU to run on"


def test_a_gpu_that_works_is_named_and_so_is_what_runs(pretend: Pretend) -> None:
    found = pretend(gpus=2, torch=Answer(json.dumps(CUDA_TORCH)))

    assert states(found, "broken") == states(found, "note") == []
    assert found["NVIDIA GPU"].found == "H100, 85 GB; H100, 85 GB; the driver runs CUDA up to 13.0"
    assert found["--device tensorrt"].found.startswith("runs")
    assert found["torch"].found == "2.13.0+cu130, built for CUDA 13.0, sees H100"


def test_both_wheels_are_a_note_with_the_lines_that_mend_it(pretend: Pretend) -> None:
    found = pretend(wheels=("onnxruntime", "onnxruntime-gpu"))

    assert states(found, "note") == ["onnxruntime"]
    assert found["onnxruntime"].found == (f"onnxruntime 1.31.1, onnxruntime-gpu 1.31.1; {ort.__version__} is imported")
    assert "`pip uninstall -y onnxruntime onnxruntime-gpu`" in found["onnxruntime"].advice


def test_a_gpu_beside_a_wheel_without_cuda_is_a_note(pretend: Pretend) -> None:
    problem = "This onnxruntime was built without CUDA; do that."
    found = pretend(gpus=1, built=(), trouble={"cuda": problem, "tensorrt": "!"}, torch=Answer(json.dumps(CUDA_TORCH)))

    assert found["--device cuda"] == Finding("--device cuda", "not compiled in, does not run", "note", problem)
    assert states(found, "note") == ["--device cuda", "--device tensorrt"]
    assert states(found, "broken") == []


def test_a_gpu_that_fails_is_a_note_and_the_cpu_works_on(pretend: Pretend) -> None:
    found = pretend(gpus=1, trouble={"cuda": LIBRARIES_MISSING}, torch=Answer(json.dumps(CUDA_TORCH)))

    assert states(found, "note") == ["--device cuda"]
    assert found["--device cuda"].advice == LIBRARIES_MISSING
    assert states(found, "broken") == []


def test_a_cpu_that_fails_is_broken(pretend: Pretend) -> None:
    assert states(pretend(trouble={"cpu": "Illegal instruction."}), "broken") == ["--device cpu"]


def test_a_broken_onnxruntime_is_broken_and_the_rest_is_looked_at(pretend: Pretend) -> None:
    found = pretend(import_fails="onnxruntime cannot be imported: mend it.")

    assert found["onnxruntime"].advice == "onnxruntime cannot be imported: mend it."
    assert states(found, "broken") == ["onnxruntime"]
    assert "--device cpu" not in found
    assert found["torch"].state == "good"


# torch


def test_a_torch_that_is_not_installed_is_broken_and_said_to_be_needed_for_training(pretend: Pretend) -> None:
    found = pretend(torch=None)

    assert states(found, "broken") == ["torch"]
    assert "`pip install torch`. Drawing samples does not" in found["torch"].advice


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer("", "Traceback\nOSError: libtorch.so: cannot open shared object file\n", 1),
            "(OSError: libtorch.so: can",
        ),
        (Answer("", "", -11), "(it ended with code -11)"),
    ],
)
def test_a_torch_that_cannot_be_imported_is_broken_and_says_why(pretend: Pretend, answer: Answer, said: str) -> None:
    found = pretend(torch=answer)

    assert states(found, "broken") == ["torch"]
    assert said in found["torch"].advice


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (HEALTHY_TORCH, "It cannot use the GPU"),
        ({**CUDA_TORCH, "problem": "CUDA error: no kernel image\nmore"}, "fails on it (CUDA error: no kernel image);"),
    ],
)
def test_a_torch_that_leaves_the_gpu_idle_is_a_note(pretend: Pretend, facts: dict[str, Any], said: str) -> None:
    found = pretend(gpus=1, torch=Answer(json.dumps(facts)))

    assert states(found, "note") == ["torch"]
    assert said in found["torch"].advice


def test_a_torch_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    assert "no answer within" in doctor.torch_finding(process).advice
    assert process.returncode is not None


def test_what_torch_is_asked_it_answers() -> None:
    """The torch of the tests, in a process of its own."""
    import torch

    finding = doctor.torch_finding(doctor.start_torch())

    assert finding.found.startswith(f"{torch.__version__}, built")
    assert finding.state == "good" or torch.cuda.is_available() is False


# Packages, plugins, room


def test_a_package_that_is_missing_is_broken_and_said_what_it_is_for(
    monkeypatch: pytest.MonkeyPatch, pretend: Pretend
) -> None:
    real = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: "" if name == "safetensors" else real(name))

    found = pretend()

    assert states(found, "broken") == ["safetensors"]
    assert found["safetensors"].advice == "It is needed for training: `pip install safetensors`."
    assert "safetensors" not in found["packages"].found


def test_a_stranger_s_broken_plugin_is_a_note_and_one_of_the_zoo_s_is_broken(pretend: Pretend) -> None:
    catalog = Catalog(
        plugins=[
            Plugin("good", "good", "ganzoo", "1"),
            Plugin("ours", "ours", "ganzoo", "1", problem="Ours is torn."),
            Plugin("theirs", "theirs", "other", "1", problem="Theirs is torn."),
        ]
    )

    found = pretend(catalog=catalog)

    assert found["plugins"].found == "1 of 3 in use"
    assert (states(found, "broken"), states(found, "note")) == (["plugin ours"], ["plugin theirs"])
    assert found["plugin theirs"].advice == "Theirs is torn."


def test_little_disk_and_memory_are_notes(monkeypatch: pytest.MonkeyPatch, pretend: Pretend) -> None:
    monkeypatch.setattr(doctor, "free_memory", lambda: 2**29)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2**20}))

    found = pretend()

    assert states(found, "note") == ["free disk", "free memory"]
    assert found["free memory"].found == "0.5 GiB"


def test_the_user_s_name_is_in_no_finding(monkeypatch: pytest.MonkeyPatch, pretend: Pretend) -> None:
    """A report is made to be shown to others."""
    home = Path("/home/someone")
    monkeypatch.setattr(Path, "home", lambda: home)
    problem = f"ImportError: {home}/site/libx.so is torn"

    found = pretend(catalog=Catalog(plugins=[Plugin("x", "x", "other", "1", problem=problem)]))

    assert found["plugin x"].advice == "ImportError: ~/site/libx.so is torn"
