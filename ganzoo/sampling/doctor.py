"""What is installed here, what of it runs, and what to do about the rest.

What is broken is asked in a process of its own (torch) or imported late (onnxruntime), so that the answer comes anyway.
"""

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import GanzooError
from ganzoo.sampling.driver import cuda_cards, cuda_devices, newest_cuda
from ganzoo.sampling.wheels import several, wheels

State = Literal["good", "note", "broken"]  # as it should be; worth knowing; something of ganzoo does not work

TRAINING = ("safetensors", "scikit-learn", "pooch")
EXPORT = ("onnx", "onnxscript")
EVERYTHING = ("click", "jaxtyping", "msgspec", "numpy", "pillow", "pluggy", "requests", "rich")
LIBRARIES = ("nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cudnn", "tensorrt")  # wheels; "-cu12" and so on may follow
LITTLE = 2**30  # bytes of disk or of memory, below which a run may fail
PATIENCE = 120.0  # seconds for torch to be imported, from a cold disk

# What torch is asked, in a process of its own. A convolution needs cuDNN, as networks do.
TORCH = """
import json, torch
facts = {"version": torch.__version__, "cuda": torch.version.cuda or torch.version.hip, "gpus": [], "problem": ""}
if torch.cuda.is_available():
    facts["gpus"] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    try:
        x = torch.ones(1, 1, 3, 3, device="cuda")
        assert torch.nn.functional.conv2d(x, x).item() == 9, "a convolution gives a wrong result"
    except Exception as error:
        facts["problem"] = str(error) or type(error).__name__
print(json.dumps(facts))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    part: str  # what was looked at, e.g. "torch"
    found: str
    state: State = "good"
    advice: str = ""  # what to do; empty where nothing need be done


def examine() -> list[Finding]:
    """All findings, in the order of the report, without the user's name. Torch, which is slow, is asked meanwhile."""
    torch = start_torch()
    findings = [
        finding for look in (machine, room, packages, plugins, runtime, devices, providers) for finding in look()
    ]
    findings.append(torch_finding(torch))
    home = str(Path.home())
    return [
        replace(each, found=each.found.replace(home, "~"), advice=each.advice.replace(home, "~")) for each in findings
    ]


# The machine


def machine() -> Iterator[Finding]:
    yield Finding("ganzoo", installed("ganzoo") or "not installed, but imported from its folder")
    yield Finding("Python", f"{platform.python_version()} ({platform.python_implementation()})")
    yield Finding("platform", f"{platform.platform()}, {os.cpu_count()} CPUs")


def room() -> Iterator[Finding]:
    """Free disk where runs are written, and memory."""
    free = {"free disk": shutil.disk_usage(".").free, "free memory": free_memory()}
    for part, size in free.items():
        if size is not None:
            little = size < LITTLE
            advice = "Runs and exports may fail for want of it: free some." if little else ""
            yield Finding(part, f"{size / 2**30:,.1f} GiB", "note" if little else "good", advice)


def free_memory() -> int | None:
    """Bytes that are free or can be freed, as Linux says; None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


# What is installed


def installed(name: str) -> str:
    """The version of a distribution; empty where there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def packages() -> Iterator[Finding]:
    """All that ganzoo depends on but torch and onnxruntime; those that can be imported are not imported."""
    uses = {"everything": EVERYTHING, "training": TRAINING, "exporting": EXPORT}
    missing = {name: use for use, names in uses.items() for name in names if not installed(name)}
    present = [f"{name} {installed(name)}" for names in uses.values() for name in names if name not in missing]
    yield Finding("packages", ", ".join(present))
    for name, use in missing.items():
        yield Finding(name, "not installed", "broken", f"It is needed for {use}: `pip install {name}`.")


def plugins() -> Iterator[Finding]:
    """How many plugins are used, and why the others are not. The zoo's own must all be."""
    catalog = load_catalog()
    broken = catalog.broken()
    yield Finding("plugins", f"{len(catalog.plugins) - len(broken)} of {len(catalog.plugins)} in use")
    for plugin in broken:
        state: State = "broken" if plugin.distribution == "ganzoo" else "note"
        yield Finding(
            f"plugin {plugin.name}", f"{plugin.distribution} {plugin.version}, not used", state, plugin.problem
        )


# onnxruntime and what it runs on


def load_providers() -> Any:
    """The module that opens sessions. Raises GanzooError where onnxruntime cannot be imported."""
    return importlib.import_module("ganzoo.sampling.providers")


def runtime() -> Iterator[Finding]:
    """The wheels, and whether what they brought can be imported."""
    found = wheels()
    names = ", ".join(f"{name} {number}" for name, number in found.items()) or "not installed"
    try:
        imported = load_providers().ort.__version__
    except GanzooError as error:
        yield Finding("onnxruntime", names, "broken", str(error))
        return
    if problem := several(found):
        yield Finding("onnxruntime", f"{names}; {imported} is imported", "note", problem)
    else:
        yield Finding("onnxruntime", names)


def devices() -> Iterator[Finding]:
    """What NVIDIA's driver offers, and the wheels of libraries between it and onnxruntime."""
    cards = cuda_cards()
    if not cards:
        yield Finding("NVIDIA GPU", "none, or no driver for it")
        return
    yield Finding("NVIDIA GPU", f"{'; '.join(cards)}; the driver runs CUDA up to {newest_cuda()}")
    names = [f"{name}{suffix}" for name in LIBRARIES for suffix in ("", "-cu12", "-cu13")]
    yield Finding("CUDA wheels", ", ".join(f"{name} {installed(name)}" for name in names if installed(name)) or "none")


def providers() -> Iterator[Finding]:
    """For each device that a user can name: whether its provider was compiled in, and whether it runs."""
    try:
        module = load_providers()
    except GanzooError:
        return  # as `runtime` has said
    has_gpu = module.cuda_devices() > 0
    for kind, provider in module.PROVIDERS.items():
        compiled = "compiled in" if provider in module.ort.get_available_providers() else "not compiled in"
        if kind != "cpu" and not has_gpu:
            yield Finding(f"--device {kind}", f"{compiled}; there is no GPU to run on")
            continue
        trial = module.try_out(module.Target(kind))
        if not trial.problem:
            yield Finding(f"--device {kind}", f"runs; a tiny graph took {trial.seconds:.2f} s the first time")
        else:
            state: State = "broken" if kind == "cpu" else "note"
            yield Finding(f"--device {kind}", f"{compiled}, does not run", state, trial.problem)


# torch


def start_torch() -> "subprocess.Popen[str] | None":
    """A process that says what torch says of itself; None where torch is not installed."""
    if not installed("torch"):
        return None
    command = [sys.executable, "-P", "-c", TORCH]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def torch_finding(process: "subprocess.Popen[str] | None") -> Finding:
    """What that process has found."""
    if process is None:
        advice = "Training and exporting need it: `pip install torch`. Drawing samples does not."
        return Finding("torch", "not installed", "broken", advice)
    try:
        said, complaint = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        said, complaint = "", f"no answer within {PATIENCE:.0f} seconds"
    if process.returncode or not said:
        reason = (complaint.strip().splitlines() or [f"it ended with code {process.returncode}"])[-1]
        advice = f"It cannot be imported ({reason}): `pip uninstall -y torch`, then `pip install torch`."
        return Finding("torch", installed("torch"), "broken", advice)
    return judge_torch(json.loads(said.splitlines()[-1]), cuda_devices())


def judge_torch(facts: dict[str, Any], gpus: int) -> Finding:
    """What torch says of itself, where the driver offers so many GPUs."""
    build = f"built for CUDA {facts['cuda']}" if facts["cuda"] else "built without CUDA"
    found = f"{facts['version']}, {build}"
    if facts["gpus"]:
        found += f", sees {', '.join(facts['gpus'])}"
    if facts["problem"]:
        advice = (
            f"It sees the GPU but fails on it ({facts['problem'].splitlines()[0]}); train with --device cpu, or "
            "install a torch for this GPU and driver: https://pytorch.org/get-started/locally"
        )
        return Finding("torch", found, "note", advice)
    if gpus and not facts["gpus"]:
        advice = "It cannot use the GPU; install a torch for its driver: https://pytorch.org/get-started/locally"
        return Finding("torch", found, "note", advice)
    return Finding("torch", found)
