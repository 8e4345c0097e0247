# SPDX-License-Identifier: Apache-2.0
"""A figure that sways before a soft background: pictures for tests in which nobody has to be found."""

from __future__ import annotations

import cv2
import numpy as np

PICTURES = 24


def moving_pictures(size_px: tuple[int, int]) -> list[np.ndarray]:
    """A short loop of uint8 [h, w, 4] BGRA pictures: a soft background and a figure that sways."""
    width_px, height_px = size_px
    noise = np.random.default_rng(0).integers(0, 255, (9, 16, 3), np.uint8)
    room = cv2.resize(noise, size_px, interpolation=cv2.INTER_CUBIC)
    pictures = []
    for index in range(PICTURES):
        x = int(width_px * (0.5 + 0.05 * np.sin(2 * np.pi * index / PICTURES)))
        picture = room.copy()
        cv2.ellipse(picture, (x, height_px), (width_px // 4, height_px // 2), 0, 0, 360, (90, 60, 40), -1)
        cv2.ellipse(picture, (x, height_px // 3), (width_px // 12, height_px // 6), 0, 0, 360, (140, 170, 220), -1)
        pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
    return pictures
