# SPDX-License-Identifier: Apache-2.0
"""Batches of composed samples, made ahead on a background thread while the nets learn from the last ones.

Called by runs.py. Invariant: batch k is the same for a seed, whatever was taken before.
"""
from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from mirage_lsd.worker.train.learning.echo import met_again
from mirage_lsd.worker.train.recipe import StageConfig
from mirage_lsd.worker.train.samples.compose import Sample, SourceSample, compose
from mirage_lsd.worker.train.samples.dataset import World, Worlds

SIDE_PX = 32  # the nets take sides that are multiples of this


class Loader:
    """Endless batches of composed samples, made a few ahead on background threads; batch k is the same for a seed. An
    error while composing is raised where the batch is taken."""

    def __init__(self, world: World | Worlds, config: StageConfig, size_px: tuple[int, int], seed: int,
                 first: int = 0, make: Callable = compose):
        """make(world, rng, frames, size_px) gives one sample; see compose.py."""
        self._world, self._config, self._size_px, self._seed, self._make = world, config, size_px, seed, make
        self._pool = ThreadPoolExecutor(1, "loader")
        self._numbers = itertools.count(first)
        self._ahead = deque(self._next() for _ in range(3))

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        new = self._new()
        return met_again(new, self._config.again, 2, self._seed) if self._config.again else new

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _new(self) -> Iterator[dict[str, Tensor]]:
        while True:
            batch = self._ahead.popleft().result()
            self._ahead.append(self._next())
            yield batch

    def _next(self) -> Future:
        return self._pool.submit(self._compose, next(self._numbers))

    def _compose(self, number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self._seed, number))
        scale = float(rng.choice(self._config.scales))
        size_px = tuple(max(1, round(side * scale / SIDE_PX)) * SIDE_PX for side in self._size_px)
        count = max(1, round(self._config.batch / scale**2))
        return stack([self._make(self._world, rng, self._config.frames, size_px) for _ in range(count)])


def stack(samples: list[Sample] | list[SourceSample]) -> dict[str, Tensor]:
    """Samples -> tensors [B,T,...] by field name; ids [B,7], colors [B,3,4]."""
    return {kind.name: torch.from_numpy(np.stack([getattr(sample, kind.name) for sample in samples]))
            for kind in fields(samples[0])}
