# SPDX-License-Identifier: Apache-2.0
"""Devices: read from a driver's library as it answers, and refused with what to do.

No card is at hand here; `FakeDriver` answers the C calls as CUDA's driver library documents them.
"""

from __future__ import annotations

import ctypes

import pytest

from mirage_lsd.worker.hosts.devices import (
    CUDA_API,
    DeviceError,
    Gpu,
    check_torch,
    choices,
    find_gpus,
    installed_torch,
    resolve,
)

GPU = Gpu("cuda:0", "NVIDIA Test", 12 * 10**9, "550.54", (12, 4))
OTHER = Gpu("cuda:1", "NVIDIA Test 2", 8 * 10**9, "550.54", (12, 4))


class FakeDriver:
    """Two cards of CUDA 12.4; `start` is what cuInit returns."""

    def __init__(self, start: int = 0):
        self.cuInit = lambda flags: start

    def cuDriverGetVersion(self, version):
        version._obj.value = 12040
        return 0

    def cuDeviceGetCount(self, count):
        count._obj.value = 2
        return 0

    def cuDeviceGet(self, handle, index):
        handle._obj.value = 40 + index
        return 0

    def cuDeviceGetName(self, buffer, size, handle):
        buffer.value = f"NVIDIA {handle.value}".encode()
        return 0

    def cuDeviceTotalMem_v2(self, memory, handle):
        memory._obj.value = handle.value * 10**9
        return 0


def loader(**libraries):
    def load(name):
        if name not in libraries:
            raise OSError(name)
        return libraries[name]

    return load


def test_cards_are_read_from_the_driver():
    found = find_gpus(loader(**{CUDA_API.libraries[0]: FakeDriver()}))
    assert found == (Gpu("cuda:0", "NVIDIA 40", 40 * 10**9, "12040", (12, 4)),
                     Gpu("cuda:1", "NVIDIA 41", 41 * 10**9, "12040", (12, 4)))  # fmt: skip
    assert choices(found) == ("auto", "cuda:0", "cuda:1", "cpu")
    assert found[0].label == "cuda:0 NVIDIA 40 (40 GB)"


def test_no_driver_or_one_that_does_not_start_means_no_card():
    assert find_gpus(loader()) == ()
    assert find_gpus(loader(**{CUDA_API.libraries[0]: FakeDriver(start=100)})) == ()
    assert find_gpus(ctypes.CDLL) in ((), find_gpus())  # the real one, whatever is here


def test_a_device_setting_finds_its_card():
    assert resolve("auto", (GPU, OTHER)) is GPU and resolve("cuda", (GPU, OTHER)) is GPU
    assert resolve("cuda:1", (GPU, OTHER)) is OTHER
    assert resolve("cpu", (GPU,)) is None and resolve("auto", ()) is None
    with pytest.raises(DeviceError, match=r"cuda:7 is not available: this computer has cuda:0 NVIDIA Test .*cpu"):
        resolve("cuda:7", (GPU,))


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (("", ""), "torch_missing", "pip install"),
        (("2.13.0+cpu", ""), "torch_without_gpu", "without graphics card support"),
        (("2.13.0", "13.0"), "driver_too_old", "driver 550.54 serves CUDA 12.4"),
    ],
)
def test_what_does_not_fit_is_told(build, code, words):
    with pytest.raises(DeviceError, match=words) as caught:
        check_torch(GPU, build)
    assert caught.value.code == code


def test_what_fits_is_accepted():
    check_torch(GPU, ("2.13.0", "12.6"))  # minor versions of one CUDA work together
    check_torch(None, ("2.13.0+cpu", ""))
    check_torch(Gpu("cuda:0", "AMD Test", 16 * 10**9, "60100"), ("2.13.0", "6.1"))


def test_the_installed_torch_is_read_without_importing_it():
    torch = pytest.importorskip("torch")
    assert installed_torch() == (torch.__version__, torch.version.cuda or torch.version.hip or "")
