# SPDX-License-Identifier: Apache-2.0
"""The named pipelines: each an ordered list of stages. This file is the architecture.

    upload       transport.py: input ring, or a picture in memory → the stream's own copy
    preprocess   the source at the working size; was the scene cut?
    flow         how the source moved since the last frame (the person mask runs beside it)
    encode       source + person mask → features, body parts, body surface
    condition    the look's words → tokens and dyes
    warp         hidden state and last layer, moved to where this frame needs them
    denoise      noise + hidden state → clean latent, in 1 to 5 steps
    decode       latent → the edit layer at the working size
    upscale      layer + source → maps for any pixel of the full size
    track        faces and hands in the full-size source (found beside the nets: faces since flow, hands since encode)
    refine       the maps at the fine size: what stays, edges, light and folds, as the source shows them
    composite    dyes, patterns, scene or background, light, laid on the full-size source
    fade         a new look over the old one
    download     transport.py: → output ring

Called by the hosts when a stream opens. Invariant: the order below is the order in which a frame passes.
mirage-lsd-v1's stages bear the same names and lie in v1/stages; its upscale graph composites on the card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirage_lsd.worker.stages.base import Stage
from mirage_lsd.worker.stages.condition import Condition
from mirage_lsd.worker.stages.decode import Decode
from mirage_lsd.worker.stages.denoise import Denoise
from mirage_lsd.worker.stages.encode import Encode
from mirage_lsd.worker.stages.flow import Flow
from mirage_lsd.worker.stages.full_size.composite import Composite
from mirage_lsd.worker.stages.full_size.fade import Fade
from mirage_lsd.worker.stages.full_size.refine import Refine
from mirage_lsd.worker.stages.full_size.track import Track
from mirage_lsd.worker.stages.preprocess import Preprocess
from mirage_lsd.worker.stages.upscale import Upscale
from mirage_lsd.worker.stages.warp import Warp

if TYPE_CHECKING:
    from mirage_lsd.worker.hosts.model_context import ModelContext
    from mirage_lsd.worker.v1.frame.context import V1Context

PASSTHROUGH, LSD = "passthrough", "lsd"
PIPELINES = (PASSTHROUGH, LSD)  # passthrough: no stages, the source comes back

TINY_STAGES = (Preprocess, Flow, Encode, Condition, Warp, Denoise, Decode, Upscale, Track, Refine, Composite, Fade)


def tiny_stages(context: ModelContext) -> list[Stage]:
    """New stages of the lsd pipeline with mirage-lsd-tiny, in running order, for one stream."""
    return [stage(context) for stage in TINY_STAGES]


def v1_stages(context: V1Context) -> list[Stage]:
    """The same with mirage-lsd-v1. Its stages bring in PyTorch, which a worker that runs mirage-lsd-tiny never
    needs."""
    from mirage_lsd.worker.v1 import stages as v1

    in_order = (v1.Preprocess, v1.Flow, v1.Encode, v1.Condition, v1.Warp, v1.Denoise, v1.Decode, v1.Upscale, v1.Fade)
    return [stage(context) for stage in in_order]
