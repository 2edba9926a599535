"""Open an ONNX file in onnxruntime, and be honest about the device that it runs on.

`onnxruntime.get_available_providers()` lists what was compiled in, CUDA on machines without a GPU included, and a
session that cannot have CUDA runs on the CPU without an error. So the driver is asked first, then a tiny graph is run,
and the session has the last word.
"""

import contextlib
import importlib
import io
import os
import re
import time
import warnings
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ganzoo.core.errors import BadBundle, GanzooError, UsageError, first_line
from ganzoo.sampling.driver import cuda_devices
from ganzoo.sampling.runtime import ort
from ganzoo.sampling.wheels import has_cuda_wheel

Device: TypeAlias = str  # "auto", "cpu", "cuda", "cuda:1" for the second GPU, "tensorrt", "tensorrt:1"
DEVICES = "auto|cpu|cuda[:N]|tensorrt[:N]"

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
PROVIDERS = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}

# Full float32, as the CPU has it, rather than TF32; and no trial of every algorithm at each new batch size.
CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
FATAL_ONLY = 4  # the log level at which onnxruntime no longer writes to stderr; what matters is raised

# An ONNX file: y [1, 1, 2, 2] = relu(conv(x [1, 1, 3, 3], ones [2, 2])) @ ones [2, 2], so 8 where x is 1.
TINY = b64decode(
    "CAg6sAEKDwoBeAoBdxIBYSIEQ29udgoMCgFhEgFiIgRSZWx1ChEKAWIKAW0SAXkiBk1hdE11bBIEdGlueSofCAEIAQgCCAIQAUIBd0oQ"
    "AACAPwAAgD8AAIA/AACAPyobCAIIAhABQgFtShAAAIA/AACAPwAAgD8AAIA/WhsKAXgSFgoUCAESEAoCCAEKAggBCgIIAwoCCANiGwoB"
    "eRIWChQIARIQCgIIAQoCCAEKAggCCgIIAkIECgAQEg=="
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model shall run."""

    kind: str  # "cpu", "cuda" or "tensorrt"
    number: int = 0  # of the GPU

    @property
    def provider(self) -> str:
        return PROVIDERS[self.kind]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of running the tiny graph."""

    problem: str  # a sentence that says what to do; empty where it ran
    seconds: float  # to open it and run it once; the first time this loads libraries


def parse_device(device: Device) -> Target:
    """What runs a model for this `--device`; a GPU for "auto". Raises UsageError for what is no device."""
    found = re.fullmatch(r"(auto|cpu|(?:cuda|tensorrt)(?=:|$))(?::(\d{1,4}))?", device)
    if not found or (found[2] and found[1] in ("auto", "cpu")):
        raise UsageError(
            f"There is no device {device!r}; choose auto, cpu, cuda or tensorrt, or cuda:1 for a machine's second GPU."
        )
    return Target("cuda" if found[1] == "auto" else found[1], int(found[2] or 0))


def open_session(
    model: Path | bytes, device: Device = "auto", threads: int | None = None, *, spin: bool = True
) -> ort.InferenceSession:
    """The model in a file, or in bytes, ready to run; "auto" takes a GPU where there is one that works, else the CPU.

    TensorRT may multiply in TF32, which the other two do not. `threads` are the CPU's for one operator, by default
    onnxruntime's choice; without `spin` they leave the processor to others as soon as they have nothing to do, as they
    should beside a server. Raises BadBundle where this is no model, UsageError where `device` is none, and GanzooError
    where a GPU is demanded that cannot be had.
    """
    target = parse_device(device)
    if target.kind == "cpu":
        return create(model, [CPU], threads, spin)
    try:
        return open_on_gpu(model, target, threads)
    except GanzooError:
        session = create(model, [CPU], threads, spin)  # a file that is no model says so
        if device == "auto":
            return session
        raise


def open_on_gpu(model: Path | bytes, target: Target, threads: int | None) -> ort.InferenceSession:
    """Raises GanzooError where it would not run there, or not this model."""
    if problem := try_out(target).problem:
        raise GanzooError(problem)
    try:
        session = new_session(model, providers_of(target), threads)
    except Exception as error:  # onnxruntime's exceptions share no base
        raise GanzooError(
            f"{title(target)} runs here, but not this model: {first_line(error)}; use --device cpu."
        ) from error
    if session.get_providers()[0] != target.provider:
        raise GanzooError(f"{title(target)} runs here, but onnxruntime put this model elsewhere; use --device cpu.")
    return session


def try_out(target: Target) -> Trial:
    """Run a tiny graph there."""
    began = time.perf_counter()
    problem = obstacle(target) or run_tiny(target)
    return Trial(problem, time.perf_counter() - began)


def obstacle(target: Target) -> str:
    """Why there can be no such provider here, and what to do; empty where nothing is known against it."""
    if target.kind == "cpu":
        return ""
    name, devices = title(target), cuda_devices()
    if target.provider not in ort.get_available_providers():
        if not has_cuda_wheel():
            return f"There is no onnxruntime with {name} for machines of this kind; use --device cpu."
        return (
            f"This onnxruntime was built without {name}; `pip uninstall onnxruntime`, then "
            "`pip install onnxruntime-gpu`."
        )
    if devices == 0:
        hidden = ", or CUDA_VISIBLE_DEVICES hides it" if "CUDA_VISIBLE_DEVICES" in os.environ else ""
        return f"There is no NVIDIA device here, or its driver is not installed{hidden}; use --device cpu."
    if target.number >= devices:
        last = f"cuda:0 to cuda:{devices - 1}" if devices > 1 else "cuda:0 alone"
        return f"There is no GPU {target.number} here; this machine has {last}."
    return ""


def run_tiny(target: Target) -> str:
    """Why the tiny graph does not run there, and what to do; empty where it runs and its result is right."""
    try:
        session = new_session(TINY, providers_of(target))
        if session.get_providers()[0] != target.provider:
            return failure(target, "")
        result = session.run(None, {"x": np.ones((1, 1, 3, 3), np.float32)})[0]
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no base
        return failure(target, first_line(error))
    return "" if np.all(np.asarray(result) == 8.0) else failure(target, "a tiny graph gives a wrong result there")


def failure(target: Target, reason: str) -> str:
    """What to do about a provider that nothing was known against, and that does not run."""
    if target.kind == "cpu":
        return f"onnxruntime {ort.__version__} does not run on this CPU ({reason}); install it again."
    missing = preload_libraries()
    if target.kind == "tensorrt" and not missing and not try_out(Target("cuda", target.number)).problem:
        cause = reason or "its libraries are missing or of another version"
        remedy = f"try `pip install 'tensorrt-cu{cuda_version().partition('.')[0]}<11'`, or --device cuda"
    else:
        cause = f"missing: {', '.join(missing)}" if missing else reason or "its cuDNN is missing or of another version"
        remedy = "try `pip install onnxruntime-gpu[cuda,cudnn]`, or --device cpu"
    return f"onnxruntime {ort.__version__} found the GPU but could not use {title(target)} ({cause}); {remedy}."


def title(target: Target) -> str:
    return {"cpu": "the CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}[target.kind]


def cuda_version() -> str:
    """The version of CUDA that onnxruntime was built for, e.g. "13.0"; "12" where it does not say."""
    info = getattr(importlib.import_module("onnxruntime.capi"), "build_and_package_info", None)
    return getattr(info, "cuda_version", "") or "12"


def providers_of(target: Target) -> list[Any]:
    """What a session is asked for, in order of preference."""
    if target.kind == "cpu":
        return [CPU]
    preload_libraries()
    cuda = (CUDA, {**CUDA_OPTIONS, "device_id": str(target.number)})
    if target.kind == "cuda":
        return [cuda, CPU]
    options = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(engine_cache())}
    return [(TENSORRT, {**options, "device_id": str(target.number)}), cuda, CPU]


def engine_cache() -> Path:
    """Where TensorRT keeps what it has compiled, which takes it up to minutes."""
    return Path(os.environ.get("GANZOO_CACHE", "~/.cache/ganzoo")).expanduser() / "tensorrt"


def preload_libraries() -> list[str]:
    """Load the CUDA, cuDNN and TensorRT libraries that pip installed, e.g. with torch, where onnxruntime finds them.

    Returns the names of those of CUDA that are missing. onnxruntime reports them by printing, which must not end up in
    a user's output.
    """
    preload = getattr(ort, "preload_dlls", None)  # since onnxruntime 1.21
    if preload is None:
        return []
    with contextlib.redirect_stdout(io.StringIO()) as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        preload()
        with contextlib.suppress(ImportError):
            importlib.import_module("tensorrt_libs")  # the wheel loads its libraries when it is imported
    return sorted(set(re.findall(r"Failed to load (?:.*[/\\])?([^/\\\s:]+):", said.getvalue())))


def create(model: Path | bytes, providers: list[Any], threads: int | None, spin: bool) -> ort.InferenceSession:
    """Raises BadBundle where onnxruntime cannot open the model."""
    try:
        return new_session(model, providers, threads, spin)
    except Exception as error:  # onnxruntime's exceptions share no base
        name = "the model" if isinstance(model, bytes) else str(model)
        raise BadBundle(f"onnxruntime cannot open {name}: {first_line(error)}. Export it again.") from error


def new_session(
    model: Path | bytes, providers: list[Any], threads: int | None = None, spin: bool = True
) -> ort.InferenceSession:
    """Raises whatever onnxruntime raises, and writes nothing."""
    ort.set_default_logger_severity(FATAL_ONLY)  # of what loads the providers
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    if not spin:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    # Its own fallback would print a banner, and hide which provider failed.
    return ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
