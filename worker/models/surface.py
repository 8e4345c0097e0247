# SPDX-License-Identifier: Apache-2.0
"""The body surface over space and time: what the encoder sees now, smoothed, and steadied by where the last frame's
surface has moved.

Called by the condition stage, each frame. Pure numpy. Invariant: a cloth pattern follows the body, so a place whose
surface was hidden, or is now another one (an arm before the chest), takes what is seen now.
"""
from __future__ import annotations

import cv2
import numpy as np

INERTIA = 0.93
SAME_WITHIN_M = 0.08


SMOOTH_CELLS = 7  # cloth is smoother than what a small net says of it cell by cell


def smoothed(seen: np.ndarray) -> np.ndarray:
    """seen f32 [1,3,h,w] -> the same, averaged over SMOOTH_CELLS x SMOOTH_CELLS cells, and once more over 3 x 3."""
    planes = np.ascontiguousarray(seen[0].transpose(1, 2, 0))
    smooth = cv2.blur(cv2.blur(planes, (SMOOTH_CELLS, SMOOTH_CELLS)), (3, 3))
    return np.ascontiguousarray(smooth.transpose(2, 0, 1))[None]


def steadied(seen: np.ndarray, moved: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """seen, moved f32 [1,3,h,w] (x, z in metres, arm): of this frame, and of the last one warped to it; occlusion f32
    [1,1,h/2,w/2] 0..1 -> f32 [1,3,h,w]."""
    hidden = cv2.resize(occlusion[0, 0], (seen.shape[3], seen.shape[2]), interpolation=cv2.INTER_LINEAR)
    change = moved - seen
    far = np.square(change[0, :2]).sum(0) * np.float32(1.0 / SAME_WITHIN_M**2)
    return seen + (INERTIA * (1.0 - hidden) * np.exp(-far)).astype(np.float32) * change
