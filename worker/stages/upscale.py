# SPDX-License-Identifier: Apache-2.0
"""upscale: the layer's buffers + full-size source → the finished picture at full size.

Writes job.output. Called by the worker's loop thread. Invariant: at strength 0 the output is the source, bit by bit.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.paint.apply_layer import SHARES, LayerApplier, scene_box
from mirage_lsd.worker.paint.behind import Behind, background_share, person_seen, uncovering
from mirage_lsd.worker.paint.layer_band import SCENE, LayerMaps
from mirage_lsd.worker.paint.light import LightGrade
from mirage_lsd.worker.paint.scenes import ScenePictures, put_behind
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext
from mirage_lsd.worker.tracking.sightings import parsed_cells, without_nobody

TOO_BRIGHT = np.float32(0.07)
"""Losses of absolute differences learn the median of cloth's shading, which its dark folds leave brighter than its
mean by this share (measured on 24 clips of seed 2)."""


class Upscale:
    """Runs the super-resolution net at the working size, then dyes, blends and lights at full size.

    Keeps one picture's buffers, and the scene picture and light of the newest look at that size.
    """

    name = "upscale"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._scenes, self._behind = ScenePictures(), Behind()
        self._applier: LayerApplier | None = None
        self._light: LightGrade | None = None
        self._output: np.ndarray | None = None

    def __call__(self, job: Job) -> Job:
        height_px, width_px = job.source.shape[:2]
        if self._output is None or self._output.shape != job.source.shape:
            self._applier, self._light = LayerApplier(width_px, height_px), LightGrade(width_px, height_px)
            self._output = np.empty_like(job.source)
        dyes, strength = job.tensors["dyes"], job.tensors["strength"]
        result = self._context.run("upscale", source=job.tensors["source"], buffers=job.tensors["buffers"])
        maps = layer_maps(result, job.tensors["buffers"], job.tensors["surface"])
        if "seen" in job.tensors:
            parsed = parsed_cells(job.tensors["regions"][0, 0])
            maps = without_nobody(maps, parsed, job.tensors["seen"], bool(dyes.scene))
        flow, background = job.tensors.get("flow"), job.tensors["regions"][0, 0]
        self._behind.follow(None if flow is None else flow[0], background)
        if dyes.scene:
            scene = self._scenes.fitted(dyes.scene, dyes.variant, (width_px, height_px))
        else:
            maps, scene = self._uncovered(job, maps)
        job.output = self._applier.apply(job.source, maps, dyes, strength, scene, self._output)
        if dyes.scene:
            put_behind(job.output, scene, strength)
        if dyes.light:
            self._light.apply(job.output, dyes.light, strength)
        return job

    def _uncovered(self, job: Job, maps: LayerMaps) -> tuple[LayerMaps, np.ndarray | None]:
        """The maps where the words keep the scene, and the source's own background u8 [H,W,3] BGR if they show it."""
        size_px = job.source.shape[1], job.source.shape[0]
        if scene_box(maps, size_px) is None:
            return maps, None
        share = background_share(person_seen(job.tensors["person_mask"][0, 0], job.tensors["regions"][0, 0]))
        maps = uncovering(maps, share)
        box = scene_box(maps, size_px)
        return maps, box and self._behind(job.source, job.tensors["working"], share, box)

    def reset(self) -> None:
        """Forgets the background; the buffers are filled anew each time."""
        self._behind.reset()

    def flush(self) -> None:
        """Gives the buffers back."""
        self._applier = self._light = self._output = None
        self._behind = Behind()


def layer_maps(result: dict[str, np.ndarray], buffers: np.ndarray, surface: np.ndarray) -> LayerMaps:
    """The upscale graph's outputs, the buffers f32 [1,8,h,w] and the body surface f32 [1,3,h/2,w/2] as maps; what is
    dyed as dark as it is on average."""
    shares = buffers[0, SHARES]
    depth = 1.0 - TOO_BRIGHT * shares[:SCENE].sum(0)
    mask = result["mask"][0].copy()
    mask[0] *= depth
    points = np.ascontiguousarray(surface[0, :2].transpose(1, 2, 0))
    return LayerMaps(result["layer"][0] * depth, mask, shares, points)
