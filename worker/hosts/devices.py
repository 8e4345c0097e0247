# SPDX-License-Identifier: Apache-2.0
"""Which processors can run a model here, asked of the graphics driver itself. Imports no torch.

Called when the worker starts and when a stream names a device; takes milliseconds. Invariant: a device is
listed only when the driver of this machine named it; nothing is guessed from an environment variable.

NVIDIA cards are read through CUDA's driver library, AMD's through HIP's. PyTorch calls both "cuda", so do we.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirage_lsd.shared.errors import MirageError

CPU, AUTO = "cpu", "auto"
NAME_BYTES = 256
GB_BYTES = 10**9


class DeviceError(MirageError):
    """A device cannot run the model. Codes: device_missing, torch_missing, torch_without_gpu, driver_too_old,
    too_little_vram."""

    code = "device_missing"


@dataclass(frozen=True)
class Gpu:
    """One graphics card. id: "cuda:0"; name: the maker's; memory_bytes: all of its memory; driver: its version
    as the maker counts; cuda: newest CUDA the driver can serve, as (major, minor), (0, 0) for AMD."""

    id: str
    name: str
    memory_bytes: int
    driver: str
    cuda: tuple[int, int] = (0, 0)

    @property
    def label(self) -> str:
        """For lists: "cuda:0 NVIDIA H100 (80 GB)"."""
        return f"{self.id} {self.name} ({round(self.memory_bytes / GB_BYTES)} GB)"


@dataclass(frozen=True)
class DriverApi:
    """Names of the same five calls in CUDA's and HIP's library."""

    libraries: tuple[str, ...]
    start: str
    version: str
    count: str
    get: str | None
    name: str
    memory: str


CUDA_API = DriverApi(
    ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1", "libcuda.so"),
    "cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceTotalMem_v2",
)  # fmt: skip
HIP_API = DriverApi(
    ("amdhip64.dll",) if sys.platform == "win32" else ("libamdhip64.so", "libamdhip64.so.6"),
    "hipInit", "hipDriverGetVersion", "hipGetDeviceCount", "hipDeviceGet", "hipDeviceGetName", "hipDeviceTotalMem",
)  # fmt: skip
NVML = ("nvml.dll",) if sys.platform == "win32" else ("libnvidia-ml.so.1",)


def find_gpus(load: Callable = ctypes.CDLL) -> tuple[Gpu, ...]:
    """Every graphics card a driver names; empty where there is none. `load` opens a library (tests pass another)."""
    for api in (CUDA_API, HIP_API):
        library = _open(api.libraries, load)
        if library is not None and getattr(library, api.start)(0) == 0:
            return _read_all(library, api, _nvml_version(load) if api is CUDA_API else "")
    return ()


def choices(gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    """What the device setting may be on this machine."""
    return (AUTO, *(gpu.id for gpu in gpus), CPU)


def resolve(wanted: str, gpus: tuple[Gpu, ...]) -> Gpu | None:
    """The card for a device setting, None for the CPU. Raises DeviceError naming what there is."""
    if wanted == CPU or (wanted == AUTO and not gpus):
        return None
    chosen = gpus[:1] if wanted in (AUTO, "cuda") else tuple(gpu for gpu in gpus if gpu.id == wanted)
    if not chosen:
        there = ", ".join([*(gpu.label for gpu in gpus), CPU])
        raise DeviceError(f"{wanted} is not available: this computer has {there}")
    return chosen[0]


def check_torch(gpu: Gpu | None, torch_build: tuple[str, str] | None = None) -> None:
    """That PyTorch is there and fits the card and its driver; else DeviceError saying which to install."""
    version, cuda = torch_build or installed_torch()
    if not version:
        raise DeviceError("mirage-lsd-v1 needs PyTorch: pip install 'mirage-lsd[gpu]'", "torch_missing")
    if gpu is None:
        return
    if not cuda:
        raise DeviceError(f"PyTorch {version} is a build without graphics card support, so {gpu.name} cannot be "
                          "used; install the build for your card (pytorch.org, Get Started)", "torch_without_gpu")
    needed = tuple(int(part) for part in cuda.split(".")[:2]) if re.match(r"\d+\.\d+", cuda) else (0, 0)
    if gpu.cuda[0] and needed[0] > gpu.cuda[0]:
        have = f"{gpu.cuda[0]}.{gpu.cuda[1]}"
        raise DeviceError(f"the graphics driver {gpu.driver or ''} serves CUDA {have}, PyTorch {version} needs CUDA "
                          f"{cuda}; update the driver of {gpu.name}", "driver_too_old")  # fmt: skip


def installed_torch() -> tuple[str, str]:
    """(version, CUDA or HIP version) of the installed PyTorch, read from its files; ("", "") if there is none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        return "", ""
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(__version__|cuda|hip)\b[^=]*= *'([^']*)'", text, re.MULTILINE))
    return values.get("__version__", ""), values.get("cuda", values.get("hip", ""))


def _open(names: tuple[str, ...], load: Callable):
    for name in names:
        try:
            return load(name)
        except OSError:
            continue
    return None


def _read_all(library, api: DriverApi, driver: str) -> tuple[Gpu, ...]:
    version, count = ctypes.c_int(0), ctypes.c_int(0)
    getattr(library, api.version)(ctypes.byref(version))
    if getattr(library, api.count)(ctypes.byref(count)) != 0:
        return ()
    cuda = (version.value // 1000, version.value % 1000 // 10) if api is CUDA_API else (0, 0)
    return tuple(_read_one(library, api, index, driver or str(version.value), cuda) for index in range(count.value))


def _read_one(library, api: DriverApi, index: int, driver: str, cuda: tuple[int, int]) -> Gpu:
    handle, name, memory = ctypes.c_int(index), ctypes.create_string_buffer(NAME_BYTES), ctypes.c_size_t(0)
    getattr(library, api.get)(ctypes.byref(handle), index)
    getattr(library, api.name)(name, NAME_BYTES, handle)
    getattr(library, api.memory)(ctypes.byref(memory), handle)
    return Gpu(f"cuda:{index}", name.value.decode(errors="replace"), memory.value, driver, cuda)


def _nvml_version(load: Callable) -> str:
    """The driver's version as NVIDIA prints it ("550.54.15"), "" where its management library is not there."""
    library = _open(NVML, load)
    if library is None or library.nvmlInit_v2() != 0:
        return ""
    text = ctypes.create_string_buffer(NAME_BYTES)
    known = library.nvmlSystemGetDriverVersion(text, NAME_BYTES) == 0
    library.nvmlShutdown()
    return text.value.decode(errors="replace") if known else ""
