# SPDX-License-Identifier: Apache-2.0
"""The small numbers of a frame (noise levels, step coefficients, switches): one block, one copy to the device.

Filled and copied by the pipeline's thread. Invariant: two host blocks take turns, and at most two frames are under
way, so a block is never changed while its copy may still be running (but for a frame that was given up).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from mirage_lsd.worker.models.graphs import TensorSpec

_ALIGN_NUMBERS = 64  # 256 bytes: TensorRT wants its buffers aligned so


class Numbers:
    """`views` are the device tensors by name, parts of one block."""

    def __init__(self, specs: list[TensorSpec], device: torch.device) -> None:
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        length = 0
        for spec in specs:
            self._places[spec.name] = length, spec.shape
            length += -(-max(1, math.prod(spec.shape)) // _ALIGN_NUMBERS) * _ALIGN_NUMBERS
        pinned = device.type == "cuda"
        self._host = [torch.zeros(length, dtype=torch.float32, pin_memory=pinned) for _ in range(2)]
        self._device = torch.zeros(length, dtype=torch.float32, device=device)
        self.views = {name: self._view(self._device, name) for name in self._places}

    def fill(self, turn: int, values: dict[str, np.ndarray]) -> None:
        """Sets values in a host block; a name the model does not have is left out."""
        for name, value in values.items():
            if name in self._places:
                view = self._view(self._host[turn], name)
                assert value.size == view.numel(), f"{name}: {value.shape} given, {tuple(view.shape)} wanted"
                view.copy_(torch.from_numpy(np.ascontiguousarray(value, np.float32)).view(view.shape))

    def upload(self, turn: int) -> None:
        """Queues the copy on the current stream."""
        self._device.copy_(self._host[turn], non_blocking=True)

    def _view(self, block: torch.Tensor, name: str) -> torch.Tensor:
        start, shape = self._places[name]
        return block[start : start + math.prod(shape)].view(shape)
