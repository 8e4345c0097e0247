# SPDX-License-Identifier: Apache-2.0
"""Whether PyTorch can run anything at all on a processor. Needs torch.

Called by the loading thread before the weights are read. Invariant: a driver that is too old, a card that PyTorch has
no code for and a memory that is full are told apart, here and not at the first frame.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from mirage_lsd.shared.errors import reason_of
from mirage_lsd.worker.engines.device.device import Device, ran_out_of_memory
from mirage_lsd.worker.hosts import devices


def probe(processor: Device, gpu: devices.Gpu | None, work: Callable = torch.zeros) -> None:
    """Runs one kernel. Raises DeviceError. gpu: None for the CPU."""
    try:
        work(8, device=processor.torch_device).add_(1).sum().item()
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise devices.DeviceError(f"the memory of {gpu.name if gpu else 'this computer'} is full; close other "
                                      "programs that use it", "too_little_vram") from error  # fmt: skip
        reason = reason_of(error)
        raise devices.DeviceError(f"{gpu.name if gpu else 'the CPU'} cannot run PyTorch {torch.__version__}: {reason}; "
                                  "update the graphics driver or install the PyTorch build for your card",
                                  "driver_too_old") from error  # fmt: skip
