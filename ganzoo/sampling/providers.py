"""Open an ONNX file in onnxruntime, and be honest about the device that it runs on.

`onnxruntime.get_available_providers()` lists what was compiled in, CUDA on machines without a GPU included, and a
session that cannot have CUDA runs on the CPU without an error. So the driver is asked first, and the session last.
"""

import contextlib
import ctypes
import io
import sys
import warnings
from pathlib import Path
from typing import Any, Literal

import onnxruntime as ort

from ganzoo.core.errors import BadBundle, GanzooError, first_line

Device = Literal["auto", "cpu", "cuda"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

# Full float32, as the CPU has it, rather than TF32; and no trial of every algorithm at each new batch size.
CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
FATAL_ONLY = 4  # the log level at which onnxruntime no longer writes to stderr; what matters is raised


def open_session(path: Path, device: Device = "auto") -> ort.InferenceSession:
    """The model in `path`, ready to run; "auto" takes a GPU where there is one that works, and else the CPU.

    Raises BadBundle where the file is no model, and GanzooError where `device` is "cuda" and that cannot be had.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise GanzooError(f"There is no device {device!r}; choose auto, cpu or cuda.")
    session = create_on_cuda(path) if device != "cpu" and cuda_is_possible() else None
    session = session or create(path, [CPU])
    if device == "cuda" and session.get_providers()[0] != CUDA:
        raise GanzooError(why_not_cuda())
    return session


def cuda_is_possible() -> bool:
    """Whether there is an NVIDIA device, and an onnxruntime that was built for it."""
    return CUDA in ort.get_available_providers() and cuda_devices() > 0


def cuda_devices() -> int:
    """How many NVIDIA devices the driver offers; 0 where there is no driver."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return 0 if failed else count.value


def create_on_cuda(path: Path) -> ort.InferenceSession | None:
    """A session that was asked for CUDA, whatever it got; None where asking is an error already."""
    preload_libraries()
    try:
        return create(path, [(CUDA, CUDA_OPTIONS), CPU])
    except BadBundle:  # a damaged file, or no free memory on the device; opened on the CPU, the file will tell
        return None


def preload_libraries() -> None:
    """Load the CUDA and cuDNN libraries that pip installed, e.g. with torch, where onnxruntime can find them.

    It reports what it misses by printing; that must not end up in a user's output, and the session will tell.
    """
    preload = getattr(ort, "preload_dlls", None)  # since onnxruntime 1.21
    if preload is None:
        return
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        preload()


def create(path: Path, providers: list[Any]) -> ort.InferenceSession:
    """Raises BadBundle where onnxruntime cannot open the file."""
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        # Its own fallback would print a banner, and hide which provider failed.
        return ort.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    except Exception as error:  # onnxruntime's exceptions share no base
        raise BadBundle(f"onnxruntime cannot open {path}: {first_line(error)}. Export it again.") from error


def why_not_cuda() -> str:
    """What stands between the user and the GPU, and what to do about it."""
    if CUDA not in ort.get_available_providers():
        return (
            "This onnxruntime was built without CUDA; `pip uninstall onnxruntime`, then `pip install onnxruntime-gpu`."
        )
    if cuda_devices() == 0:
        return "There is no NVIDIA device here, or its driver is not installed; use --device cpu."
    return (
        f"onnxruntime {ort.__version__} found the GPU but could not use it: its CUDA and cuDNN libraries are missing, "
        "of another version, or the memory is taken. Try `pip install onnxruntime-gpu[cuda,cudnn]`, or --device cpu."
    )
