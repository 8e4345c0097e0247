# SPDX-License-Identifier: Apache-2.0
"""The body surface, steadied over time on a grid of half the working size.

Called by the condition stage, each frame. Pure numpy. Invariant: a cloth pattern follows the body, so a place whose
surface was hidden, or is now another one (an arm before the chest), takes what is seen now.
"""
from __future__ import annotations

import cv2
import numpy as np

INERTIA = 0.99
SAME_WITHIN_M = 0.16


def enlarged(seen: np.ndarray) -> np.ndarray:
    """f32 [1,c,h,w] -> f32 [1,c,2h,2w]."""
    size = (2 * seen.shape[3], 2 * seen.shape[2])
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in seen[0]])[None]


def steadied(seen: np.ndarray, moved: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """seen f32 [1,3,h,w] (x, z in metres, arm): of this frame; moved f32 [1,3,2h,2w]: the last one warped to it;
    occlusion f32 [1,1,h/2,w/2] 0..1 -> f32 [1,3,2h,2w]."""
    seen = enlarged(seen)
    hidden = cv2.resize(occlusion[0, 0], (seen.shape[3], seen.shape[2]), interpolation=cv2.INTER_LINEAR)
    change = moved - seen
    far = np.square(change[0, :2]).sum(0) * np.float32(1.0 / SAME_WITHIN_M**2)
    return seen + (INERTIA * (1.0 - hidden) * np.exp(-far)).astype(np.float32) * change
