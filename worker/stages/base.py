# SPDX-License-Identifier: Apache-2.0
"""The contract every stage keeps, the job that travels through the stages, and what they hand on in it.

Called by the worker's loop thread only, one job at a time per stream. Invariants: a stage changes only the fields of
the job that its own file names, and holds state of exactly one stream; what it hands on has the shapes told here.
Sizes: [h, w] is the working size, [rows, columns] its cells of 8x8 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader

if TYPE_CHECKING:
    from mirage_lsd.worker.paint.dye import Dyes
    from mirage_lsd.worker.paint.layer_maps import LayerMaps
    from mirage_lsd.worker.tracking.eyes.sight import Sight


Context = TypeVar("Context")


@dataclass(frozen=True)
class Working:
    """The source at the size that the nets work at (preprocess). rgb: uint8 [h, w, 3]; tensor: the same, float32
    [1, 3, h, w] 0..1; grey: uint8 [H, W], at the size that motion is searched at, whatever the nets work at.
    mirage-lsd-v1 hands on rgb alone, uint8 [144, 256, 3]: its working picture lies on the device."""

    rgb: np.ndarray
    tensor: np.ndarray | None = None
    grey: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert self.rgb.dtype == np.uint8 and self.rgb.shape[2:] == (3,), self.rgb.shape
        assert self.tensor is None or self.tensor.shape == (1, 3, *self.rgb.shape[:2]), self.tensor.shape


@dataclass(frozen=True)
class FrameMotion:
    """How the source moved since the last frame (flow). flow: float32 [1, 2, rows, columns] in cells: what is at x now
    was at x + flow; occlusion: float32 [1, 1, rows, columns], how surely it was hidden then, 0..1; before, now: uint8
    [H, W], the grey pictures that were compared."""

    flow: np.ndarray
    occlusion: np.ndarray
    before: np.ndarray
    now: np.ndarray

    def __post_init__(self) -> None:
        assert self.flow.shape[:2] == (1, 2), self.flow.shape
        assert self.occlusion.shape == (1, 1, *self.flow.shape[2:]), (self.occlusion.shape, self.flow.shape)
        assert self.before.shape == self.now.shape, (self.before.shape, self.now.shape)

    def stacked(self) -> np.ndarray:
        """flow and occlusion as one float32 [3, rows, columns]."""
        return np.concatenate((self.flow[0], self.occlusion[0]))


@dataclass(frozen=True)
class Encoded:
    """What the source encoder tells (encode), float32. person_mask: [1, 1, h, w] 0..1; s8 [1, 48, rows, columns], s16
    [1, 64, ...], s32 [1, 96, ...] at cells of 8, 16, 32 pixels; regions: [1, 8, rows, columns] probabilities in REGIONS
    order; x4: [1, 48, h/4, w/4]; surface: [1, 3, h/4, w/4], as seen in this frame alone; seen: bool [rows, columns],
    where somebody was seen of late, None where the host does not look for people."""

    person_mask: np.ndarray
    s8: np.ndarray
    s16: np.ndarray
    s32: np.ndarray
    regions: np.ndarray
    x4: np.ndarray
    surface: np.ndarray
    seen: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert self.person_mask.shape[:2] == (1, 1), self.person_mask.shape
        assert self.seen is None or self.seen.shape == self.regions.shape[2:], (self.seen.shape, self.regions.shape)

    @property
    def background(self) -> np.ndarray:
        """float32 [rows, columns] 0..1: how probably nobody is there."""
        return self.regions[0, 0]


@dataclass(frozen=True)
class LookTokens:
    """The look that the frame wears (condition). tokens: float32 [1, 8, token], pooled: [1, token], region_tokens:
    [1, 8, region_token]; dyes: what is put on at full size; strength: 0..1; changed: the frame is the first in this
    look at this size; edits: whether the look changes the person, and not only scene and light."""

    tokens: np.ndarray
    pooled: np.ndarray
    region_tokens: np.ndarray
    dyes: Dyes
    strength: float
    changed: bool
    edits: bool = True


@dataclass(frozen=True)
class Past:
    """The stream's past, moved to where this frame needs it (warp), float32. latent: [1, 24, rows, columns], None
    without a past; caches: c8, c16, c32 and anchor: a16, a32 by name, zeros without a past; flags: [1, 2], whether
    caches and anchor hold anything; surface: [1, 3, h/2, w/2], this frame's, steadied by the last; buffers: [1, 8, h,
    w], the last layer, None without one in this look."""

    latent: np.ndarray | None
    caches: dict[str, np.ndarray]
    anchor: dict[str, np.ndarray]
    flags: np.ndarray
    surface: np.ndarray
    buffers: np.ndarray | None

    def __post_init__(self) -> None:
        assert self.flags.shape == (1, 2), self.flags.shape
        assert self.surface.shape[:2] == (1, 3), self.surface.shape


@dataclass
class EditLayer:
    """The edit in the making. latent: float32 [1, 24, rows, columns] (denoise); buffers: float32 [1, 8, h, w] in
    BUFFERS order, undyed colour, alpha and shares (decode); maps: the layer in the form that is laid on, at the
    working size (upscale); fine: the same at the fine size (refine); behind: uint8 [H, W, 3] BGR, the source's
    background where a look uncovers it, else None (refine)."""

    latent: np.ndarray
    buffers: np.ndarray | None = None
    maps: LayerMaps | None = None
    fine: LayerMaps | None = None
    behind: np.ndarray | None = None


@dataclass
class Job:
    """One frame on its way from the input ring, or from memory, to the output ring.

    header: as read from the input ring, with the generation of the settings; settings: what it is rendered under.
    source: uint8 [height, width, 4] BGRA, the stream's own copy of the captured picture.
        mirage-lsd-v1: the same as a tensor on its device, for output as well.
    output: uint8 [height, width, 4] BGRA, the picture to show (None until a stage has made one).
    cut: whether the source shows another scene than in the last frame. motion: None after a cut, a resize or a reset.
    working .. sight: what the stages of mirage-lsd-tiny hand on; mirage-lsd-v1's lie in its program's buffers.
    remark: what the status says of the frame, "" for nothing.
    stage_ms: how long each stage took, upload and download as well.
    """

    header: FrameHeader
    settings: StreamSettings
    source: np.ndarray
    output: np.ndarray | None = None
    cut: bool = False
    working: Working | None = None
    motion: FrameMotion | None = None
    encoded: Encoded | None = None
    look: LookTokens | None = None
    past: Past | None = None
    edit: EditLayer | None = None
    sight: Sight | None = None
    remark: str = ""
    stage_ms: dict[str, float] = field(default_factory=dict)


class Stage(Generic[Context]):
    """One step of a pipeline. name: as in timings. The pipeline clears the stream's history; a stage forgets its own.
    context: what the stages of one stream share (hosts/model_context.py, v1/frame/context.py)."""

    name = "stage"

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self, job: Job) -> Job:
        """Transforms a job and returns it."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forgets what this stage itself holds of earlier frames: the next one starts afresh."""

    def flush(self) -> None:
        """Gives back everything the stage holds; it is not called again afterwards."""
