# SPDX-License-Identifier: Apache-2.0
"""How mirage-lsd-v1 fits into a card's memory: one plan for each usual size, and what follows when one is too big.

Called when the model is loaded and when memory runs out. Torch-free. Invariant: `smaller` always ends: the last plan
has none, and the stream then goes on with mirage-lsd-tiny.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import SIZES
from mirage_lsd.worker.hosts.devices import CPU, GB_BYTES, DeviceError, Gpu

_TOLERANCE = 0.93  # an "8 GB" card tells 7.5 to 8.6 GB, depending on the driver and what it keeps for itself


class OutOfVramError(MirageError):
    """A frame did not fit into the card's memory; the host has chosen what to do next."""

    code = "out_of_vram"


@dataclass(frozen=True)
class VramPlan:
    """gb: the card it is for. largest: the largest working size. engines: what eager may be replaced by, in order
    (captured is there soon and needs no compiler; TensorRT holds the weights once more). text_on_gpu: whether the text
    encoder stays on the card."""

    gb: int
    largest: str
    engines: tuple[str, ...]
    text_on_gpu: bool = False

    @property
    def name(self) -> str:
        """For the status line."""
        return f"{self.gb} GB plan"

    def allows(self, working_size: str) -> str:
        """The wanted working size, or the largest this plan has room for. mirage-lsd-v1 has no size below small."""
        wanted = {"auto": "medium", "tiny": "small"}.get(working_size, working_size)
        return min(wanted, self.largest, key=SIZES.index)


PLANS = (
    VramPlan(24, "large", ("captured", "compiled", "tensorrt"), text_on_gpu=True),
    VramPlan(16, "large", ("captured", "compiled", "tensorrt")),
    VramPlan(12, "medium", ("captured", "compiled", "tensorrt")),
    VramPlan(8, "medium", ("captured", "compiled")),
    VramPlan(6, "small", ()),  # not chosen at start: what is left when the 8 GB plan ran out beside other programs
)
LEAST_GB = 8


def main_memory() -> Gpu:
    """The CPU as plan_for sees it; a plan is needed there too, to have something smaller when memory runs out."""
    return Gpu(CPU, "the main memory", max(psutil.virtual_memory().total, LEAST_GB * GB_BYTES), "")


def plan_for(gpu: Gpu) -> VramPlan:
    """The largest plan for a card. Raises DeviceError where the card has too little memory."""
    for plan in PLANS:
        if plan.gb >= LEAST_GB and gpu.memory_bytes >= plan.gb * GB_BYTES * _TOLERANCE:
            return plan
    raise DeviceError(f"{gpu.name} has {gpu.memory_bytes / GB_BYTES:.1f} GB of memory, mirage-lsd-v1 needs {LEAST_GB}; "
                      "choose mirage-lsd-tiny, which needs no graphics card", "too_little_vram")  # fmt: skip


def smaller(plan: VramPlan) -> VramPlan | None:
    """The plan to go on with when memory ran out under this one; None after the last."""
    following = PLANS.index(plan) + 1
    return PLANS[following] if following < len(PLANS) else None
