# SPDX-License-Identifier: Apache-2.0
"""upscale: the layer's buffers + source picture → maps from which any pixel of the full size can be worked out.

Writes job.edit.maps. Called by the worker's loop thread. Invariant: whoever was not seen of late is in no map.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.paint.apply_layer import SHARES
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.tracking.sightings import parsed_cells, without_nobody

TOO_BRIGHT = np.float32(0.07)
"""Losses of absolute differences learn the median of cloth's shading, which its dark folds leave brighter than its
mean by this share (measured on 24 clips of seed 2)."""


class Upscale(Stage[ModelContext]):
    """Runs the super-resolution net at the working size."""

    name = "upscale"

    def __call__(self, job: Job) -> Job:
        buffers, encoded = job.edit.buffers, job.encoded
        result = self._context.run("upscale", source=job.working.tensor, buffers=buffers)
        maps = layer_maps(result, buffers, job.past.surface)
        if encoded.seen is not None:
            parsed = parsed_cells(encoded.background)
            maps = without_nobody(maps, parsed, encoded.seen, bool(job.look.dyes.scene))
        job.edit.maps = maps
        return job


def layer_maps(result: dict[str, np.ndarray], buffers: np.ndarray, surface: np.ndarray) -> LayerMaps:
    """The upscale graph's outputs, the buffers f32 [1,8,h,w] and the body surface f32 [1,3,h/2,w/2] as maps; what is
    dyed as dark as it is on average."""
    shares = buffers[0, SHARES]
    depth = 1.0 - TOO_BRIGHT * shares[:SCENE].sum(0)
    mask = result["mask"][0].copy()
    mask[0] *= depth
    points = np.ascontiguousarray(surface[0, :2].transpose(1, 2, 0))
    return LayerMaps(result["layer"][0] * depth, mask, shares, points)
