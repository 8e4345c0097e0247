# SPDX-License-Identifier: Apache-2.0
"""What a stream of mirage-lsd-tiny remembers of its past.

Written by the stages on the worker's loop thread. Invariants: memory is bounded: one frame and one anchor frame,
however long the stream; it is cleared by the stream's pipeline alone (pipeline.py), never by a stage.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

CACHES = ("c8", "c16", "c32")
ANCHORS = {"a16": "c16", "a32": "c32"}


@dataclass
class History:
    """See worker/models/graphs.py for shapes.

    latent: the last output latent, or None after a reset. surface: the last body surface, f32 [1,3,h/2,w/2], steadied;
    buffers: the last layer's, f32 [1,8,h,w], steadied; layer_frames: how many frames after its first it is.
    caches: features of the last frame (kv_cache).
    anchor: features of an older frame that the look is held to. frames: how many frames since the reset.
    """

    latent: np.ndarray | None = None
    surface: np.ndarray | None = None
    buffers: np.ndarray | None = None
    caches: dict[str, np.ndarray] = field(default_factory=dict)
    anchor: dict[str, np.ndarray] = field(default_factory=dict)
    frames: int = 0
    layer_frames: int = 0

    def clear(self) -> None:
        """Forgets everything."""
        self.latent = self.surface = self.buffers = None
        self.caches = {}
        self.anchor = {}
        self.frames = self.layer_frames = 0
