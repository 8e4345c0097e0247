# SPDX-License-Identifier: Apache-2.0
"""condition: the look as tokens and dyes, and the stream's hidden state moved to where this frame needs it.

Writes tensors tokens, pooled, region_tokens, dyes, strength, warped (latent), c8, c16, c32, a16, a32, history,
last_buffers (None without a past in this look) and surface (now twice as fine, and steadied by the past). Called by the
worker's loop thread. Invariant: the tokens are those of the job's own settings, so a frame never mixes looks.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.models.graphs import graph_specs
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.paint.dye import dyes_for
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ANCHORS, CACHES, ModelContext
from mirage_lsd.worker.tracking.motion_evidence import CORRECTIONS, evidence_of
from mirage_lsd.worker.tracking.steady import enlarged, steadied_surface


class Condition:
    """Keeps the tokens of the newest look, so that an unchanged look costs nothing."""

    name = "condition"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._key: object = None
        self._tokens: dict[str, np.ndarray] = {}

    def __call__(self, job: Job) -> Job:
        look = look_for(job.settings)
        key = (look.conditions, self._context.shapes)
        another = key != self._key
        if another:
            ids, colors = look.conditions.to_tokens()
            self._tokens = self._context.run("condition", ids=ids, colors=colors)
            self._key = key
        job.tensors.update(self._tokens)
        job.tensors["strength"] = look.strength
        job.tensors["dyes"] = dyes_for(look.conditions, job.settings.seed)
        job.tensors.update(self._past(job))
        if another:
            job.tensors["last_buffers"] = None
        self._context.history.surface = job.tensors["surface"]
        return job

    def reset(self) -> None:
        """Forgets the stream's hidden state; the tokens stay, they hold no history."""
        self._context.history.clear()

    def flush(self) -> None:
        """Gives the tokens back."""
        self._tokens, self._key = {}, None

    def _past(self, job: Job) -> dict[str, np.ndarray | None]:
        history = self._context.history
        if history.latent is None or "flow" not in job.tensors:
            surface = enlarged(job.tensors["surface"])
            return {**self._nothing(), "warped": None, "surface": surface, "last_buffers": None}
        moved = self._context.run(
            "warp",
            motion=self._motion(job),
            occlusion=job.tensors["occlusion"],
            latent=history.latent,
            last_surface=history.surface,
            last_buffers=history.buffers,
            **history.caches,
        )
        surface = steadied_surface(job.tensors["surface"], moved["surface_out"], job.tensors["occlusion"])
        past = {name: moved[f"{name}_out"] for name in CACHES}
        given = {"warped": moved["latent_out"], "surface": surface, "last_buffers": moved["buffers_out"],
                 "history": _flags(1.0, 1.0)}
        return {**past, **history.anchor, **given}

    def _motion(self, job: Job) -> np.ndarray:
        """f32 [1,2,h/8,w/8]: the flow, corrected as bodies move as often as what is left of it still tells more."""
        flow = job.tensors["flow"]
        seen = {name: job.tensors[name] for name in ("regions", "surface")}
        for _ in range(CORRECTIONS):
            evidence = evidence_of(*job.tensors["greys"], flow)
            flow = self._context.run("motion", flow=flow, evidence=evidence, **seen)["motion"]
        return flow

    def _nothing(self) -> dict[str, np.ndarray]:
        specs = {tensor.name: tensor for tensor in graph_specs(self._context.shapes)["recall"].inputs}
        empty = {name: np.zeros(specs[name].shape, np.float32) for name in (*CACHES, *ANCHORS)}
        return {**empty, "history": _flags(0.0, 0.0)}


def _flags(has_cache: float, has_anchor: float) -> np.ndarray:
    return np.array([[has_cache, has_anchor]], np.float32)
