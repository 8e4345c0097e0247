# SPDX-License-Identifier: Apache-2.0
"""Films that a model must not be able to hide behind: each has to fail at least one gate.

Pure functions of a clip. (The third cheat, the model with its noise prediction zeroed, is a switch: switches.py.)
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.eval.play import Film
from mirage_lsd.worker.eval.test_set.clips import Clip
from mirage_lsd.worker.eval.test_set.truth import asked_labels


def identity(clip: Clip) -> Film:
    """The source itself."""
    nothing = np.zeros(clip.source[0].shape[:2], np.float32)
    return Film([source[..., :3] for source in clip.source], [nothing] * clip.frames, [0.0] * clip.frames)


def recolored(clip: Clip) -> Film:
    """The worn garments, cut out by their true mask, in the true target's mean colour, shaded as before."""
    film = identity(clip)
    film.pictures = [recolor(clip, t) for t in range(clip.frames)]
    return film


def recolor(clip: Clip, t: int) -> np.ndarray:
    """Frame t with each asked garment's mean colour moved to the true one."""
    picture = clip.source[t][..., :3].copy()
    light = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    for label in asked_labels(clip):
        worn, asked = clip.worn.labels[t] == label, clip.asked.labels[t] == label
        if worn.any() and asked.any():
            shade = light[worn] / max(float(light[worn].mean()), 1.0)
            color = clip.target[t][asked].mean(axis=0)
            picture[worn] = np.clip(shade[:, None] * color, 0, 255).astype(np.uint8)
    return picture
