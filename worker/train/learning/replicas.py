# SPDX-License-Identifier: Apache-2.0
"""Replicas of a stage that learn side by side, each on samples of its own, and meet half way every so often.

Called by runs.StageRun after every step. Small nets do not fill two cores: two processes of one thread see half as many
samples again as one process of two. Local SGD (Stich 2019, "Local SGD converges fast and communicates little"), but
nobody waits: a replica takes what the others left last. Invariant: what lies in the folder is always a whole file.
"""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

STALE = 3  # meetings missed: what a replica that far away left is not taken


@dataclass(frozen=True)
class Replicas:
    """folder: where all leave their values; own: this one's number, 0..count-1; every: steps between meetings."""

    folder: Path
    own: int
    count: int = 2
    every: int = 50

    def meet(self, name: str, module: nn.Module, step: int) -> int:
        """After a step of stage `name`: leave the module's values, and make them the mean of those of all replicas that
        are about as far. Returns how many others there were."""
        if step % self.every:
            return 0
        values = module.state_dict()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{name}-{self.own}.partial"
        torch.save({"step": step, "values": values}, partial)
        os.replace(partial, self._path(name, self.own))
        met = [values, *(left for number in range(self.count) if (left := self._left(name, number, step)))]
        for key, value in values.items():
            if value.is_floating_point():
                value.copy_(sum(one[key] for one in met) / len(met))
        return len(met) - 1

    def _left(self, name: str, number: int, step: int) -> dict[str, Tensor] | None:
        """What another replica left, if it is not stale."""
        path = self._path(name, number)
        if number == self.own or not path.is_file():
            return None
        left = torch.load(path, weights_only=True)
        return left["values"] if abs(left["step"] - step) < STALE * self.every else None

    def _path(self, name: str, number: int) -> Path:
        return self.folder / f"{name}-{number}.pt"
