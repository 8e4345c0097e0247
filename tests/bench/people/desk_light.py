# SPDX-License-Identifier: Apache-2.0
"""A streamer's light and wall: coloured lamps from both sides, a green screen.

Plain arithmetic on one frame. Invariant: the person's outline stays where it was.
"""

from __future__ import annotations

import cv2
import numpy as np
from head_place import Head

MAGENTA, BLUE, GREEN = (1.0, 0.28, 1.25), (1.5, 0.5, 0.2), (70, 168, 38)
DIM, ROOM = 0.22, 0.45


def coloured_light(frame: np.ndarray, person: np.ndarray, head: Head) -> np.ndarray:
    """Magenta from the left, blue from the right, the room dim; frame uint8 [h, w, 3], person float [h, w]."""
    grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 12)
    turned = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3) / 24
    across = (np.arange(frame.shape[1], dtype=np.float32) - head.eyes_px[0]) / (0.7 * head.width_px)
    right = 1 / (1 + np.exp(-np.clip(across[None] - turned, -8, 8)))
    light = (1 - right)[..., None] * np.float32(MAGENTA) + right[..., None] * np.float32(BLUE)
    near = (ROOM + (1 - ROOM) * person)[..., None]
    return np.clip(frame * (DIM + light * near * 0.95), 0, 255).astype(np.uint8)


def without_wall(frame: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The frame with the person's own colours over its soft edge, so that no rim of the old wall comes along."""
    sure = (person > 0.97).astype(np.float32)
    weight = cv2.GaussianBlur(sure, (0, 0), 2)[..., None]
    own = cv2.GaussianBlur(frame * sure[..., None], (0, 0), 2) / np.maximum(weight, 1e-3)
    return np.where((sure > 0)[..., None] | (weight < 0.02), frame, own).astype(np.float32)


def green_screen(frame: np.ndarray, person: np.ndarray, number: int) -> np.ndarray:
    """The wall green, unevenly lit and with the camera's noise; its light wraps the person's edge."""
    height, width = person.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    lit = 1 - 0.25 * ((columns / width - 0.45) ** 2 + (rows / height - 0.4) ** 2) * 2 + 0.02 * np.sin(columns / 23)
    noise = np.random.default_rng(number).normal(0, 2.0, (height, width, 3)).astype(np.float32)
    wall = np.float32(GREEN) * lit[..., None] + cv2.GaussianBlur(noise, (0, 0), 0.7)
    share = person[..., None]
    wrapped = 0.22 * cv2.GaussianBlur(1 - person, (0, 0), 5)[..., None]
    lit_person = without_wall(frame, person) * (1 - wrapped) + np.float32(GREEN) * wrapped
    return np.clip(lit_person * share + wall * (1 - share), 0, 255).astype(np.uint8)
