"""Which distributions of onnxruntime are installed.

Several install into the same package `onnxruntime`: of two, the last one installed wins without a word, and
uninstalling either takes files of the other with it.
"""

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

WHEELS = (
    "onnxruntime",
    "onnxruntime-gpu",
    *(f"onnxruntime-{kind}" for kind in ("cann", "directml", "migraphx", "openvino", "qnn", "rocm", "silicon")),
    *(f"onnxruntime-{kind}" for kind in ("training", "training-cpu", "vitisai", "windowsml")),
    "ort-nightly",
    "ort-nightly-gpu",
)


def wheels() -> dict[str, str]:
    """The installed distributions that bring a package `onnxruntime`, and their versions."""
    found = {}
    for name in WHEELS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def has_cuda_wheel() -> bool:
    """Whether onnxruntime-gpu is made for machines of this kind."""
    return sys.platform in ("linux", "win32") and platform.machine() in ("x86_64", "AMD64")


def mend(names: Iterable[str]) -> str:
    """The lines that leave one whole wheel where these are installed: the special one, if any."""
    installed = list(names)
    usual = "onnxruntime-gpu" if has_cuda_wheel() else "onnxruntime"
    keep = next((name for name in installed if name != "onnxruntime"), usual)
    install = f"`pip install {keep}`"
    return f"`pip uninstall -y {' '.join(installed)}`, then {install}" if installed else install


def several(names: Iterable[str]) -> str:
    """What is wrong with more than one wheel, and what to do about it; empty for one or none."""
    installed = list(names)
    if len(installed) < 2:
        return ""
    return f"{' and '.join(installed)} are installed in the same place, and break each other: {mend(installed)}."


def broken(reason: str) -> str:
    """What to do about an onnxruntime that cannot be imported."""
    installed = wheels()
    if not installed:
        return f"onnxruntime is not installed: {mend(installed)}."
    return f"{' and '.join(installed)} cannot be imported ({reason}): {mend(installed)}."
