# SPDX-License-Identifier: Apache-2.0
"""warp: the stream's hidden state and last layer, moved along with the source to where this frame needs them.

Writes job.past, and history.surface. Called by the worker's loop thread. Invariant: a new look is not steadied by the
old one's layer; latent and caches go on, which the nets were trained for.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.history import ANCHORS, CACHES
from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.models.graphs import graph_specs
from mirage_lsd.worker.stages.base import Encoded, FrameMotion, Job, Past, Stage
from mirage_lsd.worker.tracking.motion_evidence import CORRECTIONS, evidence_of
from mirage_lsd.worker.tracking.steady import enlarged, steadied_surface


class Warp(Stage[ModelContext]):
    """Runs the warp along the flow as bodies move; holds nothing itself."""

    name = "warp"

    def __call__(self, job: Job) -> Job:
        if job.motion is None:
            job.past = self._nothing(enlarged(job.encoded.surface))
        else:
            job.past = self._moved(job.motion, job.encoded, job.look.changed)
        self._context.history.surface = job.past.surface
        return job

    def _moved(self, motion: FrameMotion, encoded: Encoded, look_changed: bool) -> Past:
        history = self._context.history
        moved = self._context.run(
            "warp",
            motion=self._body_motion(motion, encoded),
            occlusion=motion.occlusion,
            latent=history.latent,
            last_surface=history.surface,
            last_buffers=history.buffers,
            **history.caches,
        )
        return Past(
            latent=moved["latent_out"],
            caches={name: moved[f"{name}_out"] for name in CACHES},
            anchor=history.anchor,
            flags=_flags(1.0, 1.0),
            surface=steadied_surface(encoded.surface, moved["surface_out"], motion.occlusion),
            buffers=None if look_changed else moved["buffers_out"],
        )

    def _body_motion(self, motion: FrameMotion, encoded: Encoded) -> np.ndarray:
        """f32 [1,2,rows,columns]: the flow, corrected as bodies move as often as what is left of it still tells
        more."""
        flow = motion.flow
        for _ in range(CORRECTIONS):
            evidence = evidence_of(motion.before, motion.now, flow)
            flow = self._context.run(
                "motion", flow=flow, evidence=evidence, regions=encoded.regions, surface=encoded.surface
            )["motion"]
        return flow

    def _nothing(self, surface: np.ndarray) -> Past:
        specs = {tensor.name: tensor for tensor in graph_specs(self._context.shapes)["recall"].inputs}
        caches, anchor = (
            {name: np.zeros(specs[name].shape, np.float32) for name in names} for names in (CACHES, ANCHORS)
        )
        return Past(None, caches, anchor, _flags(0.0, 0.0), surface, None)


def _flags(has_cache: float, has_anchor: float) -> np.ndarray:
    return np.array([[has_cache, has_anchor]], np.float32)
