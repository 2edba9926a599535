"""NVIDIA's driver, asked through its own library, which is there where the driver is."""

import ctypes
import sys
from typing import Any

NAME_LENGTH = 100  # bytes that a device's name may have


def load_driver() -> Any | None:
    """The driver's library, ready to be asked; None where there is none, or no device that works."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    return None if driver.cuInit(0) else driver


def cuda_devices() -> int:
    """How many NVIDIA devices the driver offers; 0 where there is no driver."""
    driver, count = load_driver(), ctypes.c_int(0)
    if driver is None or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def cuda_cards() -> list[str]:
    """The devices in words, e.g. "NVIDIA H100 80GB HBM3, 85 GB"."""
    return [card(number) for number in range(cuda_devices())]


def card(number: int) -> str:
    """One device's name and memory."""
    driver, device = load_driver(), ctypes.c_int(0)
    name, size = ctypes.create_string_buffer(NAME_LENGTH), ctypes.c_size_t(0)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), number):
        return f"device {number}, which does not answer"
    driver.cuDeviceGetName(name, NAME_LENGTH, device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    return f"{name.value.decode(errors='replace')}, {size.value / 1e9:.0f} GB"


def newest_cuda() -> str:
    """The newest CUDA that the driver can run, e.g. "13.0"; empty where there is no driver."""
    driver, number = load_driver(), ctypes.c_int(0)
    if driver is None or driver.cuDriverGetVersion(ctypes.byref(number)):
        return ""
    return f"{number.value // 1000}.{number.value % 1000 // 10}"
