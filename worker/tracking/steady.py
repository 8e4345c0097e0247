# SPDX-License-Identifier: Apache-2.0
"""What is kept of the frame before: most of the body surface and of the layer's buffers, little of the latent.

Called by the condition stage (the surface), the denoise stage (the latent) and the decode stage (the buffers), each
frame but the first; all were moved to now before. Pure numpy.
Invariant: what was hidden before, or is now something else (an arm before the chest, another outline, another look),
is taken from this frame.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.models.config import DYES

LATENT_INERTIA = 0.1  # what the nets get wrong comes back through the latent: more of it, and that feeds on itself
SURFACE_INERTIA, SAME_WITHIN_M = 0.98, 0.16  # at .99 errors of the motion added up, and stripes crept
LAYER_INERTIA = 0.988
FIRST_FRAMES = 9  # a layer's first picture counts like so many at once: else it would be held for seconds
ALIKE_WITHIN = np.float32([0.2] * 3 + [0.3] * 5).reshape(8, 1, 1)  # colour (a mouth must not lag); alpha and shares
CLOTH_MORE = 1.0  # so much wider is the colour's likeness on dyed cloth and hair: undyed, only folds and shading change


def leaked_latent(moved: np.ndarray | None) -> np.ndarray | None:
    """The hidden state f32 [1,C,h,w] that a frame starts from, or None without a past."""
    return None if moved is None else np.float32(LATENT_INERTIA) * moved


def enlarged(seen: np.ndarray) -> np.ndarray:
    """f32 [1,c,h,w] -> f32 [1,c,2h,2w]."""
    size = (2 * seen.shape[3], 2 * seen.shape[2])
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in seen[0]])[None]


def steadied_surface(seen: np.ndarray, moved: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """seen f32 [1,3,h,w] (x, z in metres, arm): of this frame; moved f32 [1,3,2h,2w]: the last one warped to it;
    occlusion f32 [1,1,h/2,w/2] 0..1 -> f32 [1,3,2h,2w]."""
    seen = enlarged(seen)
    change = moved - seen
    far = np.square(change[0, :2]).sum(0) * np.float32(1.0 / SAME_WITHIN_M**2)
    return seen + SURFACE_INERTIA * _kept(far, occlusion) * change


def steadied_layer(seen: np.ndarray, moved: np.ndarray, occlusion: np.ndarray, frames: int) -> np.ndarray:
    """seen, moved f32 [1,8,h,w] in BUFFERS order: of this frame, and the last one's warped to it; occlusion f32
    [1,1,h/8,w/8] 0..1; frames: how many the last one is made of -> f32 [1,8,h,w]. Edges and shading stop flickering; an
    outline or a face that changes does so at once."""
    change = moved - seen
    unlike = np.abs(change[0]) / ALIKE_WITHIN
    unlike[:3] /= 1.0 + CLOTH_MORE * seen[0, DYES].sum(0).clip(0.0, 1.0)
    # The fourth power: little changes are damped nearly in full, big ones hardly, so that no ghost of them lingers.
    inertia = np.float32(min(LAYER_INERTIA, 1.0 - 1.0 / (frames + FIRST_FRAMES)))
    return seen + inertia * _kept(np.square(np.square(unlike.max(0))), occlusion) * change


def _kept(distance: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """f32 [h,w] 0..1: how much of the past holds. distance f32 [h,w]: 0 = the same, 1 = hardly."""
    hidden = cv2.resize(occlusion[0, 0], distance.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (1.0 - hidden) * np.exp(-distance)
