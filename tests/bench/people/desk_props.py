# SPDX-License-Identifier: Apache-2.0
"""A streamer's things, drawn: headset, boom microphone, gaming chair, glasses that reflect.

Each draws one frame's prop on a sheet of twice the size, which is laid softly on the frame. Invariant: what is drawn is
drawn from the head's place alone, so that a prop moves with the head and trembles no more than it.
"""

from __future__ import annotations

import cv2
import numpy as np
from head_place import Head

ZOOM, SHIFT = 2, 4
CAMERA_BLUR_PX = 0.8
BLACK, DARK, GREY, LIGHT, WHITE = (22, 20, 20), (44, 40, 38), (84, 78, 74), (150, 145, 142), (235, 235, 235)
RED, CYAN = (40, 36, 176), (230, 190, 60)


class Sheet:
    """Colour and opacity, both at twice the frame's size."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        width, height = size_px
        self.colour = np.zeros((height * ZOOM, width * ZOOM, 3), np.uint8)
        self.opacity = np.zeros((height * ZOOM, width * ZOOM), np.uint8)

    def fill(self, points_px: np.ndarray, colour, opacity: int = 255) -> None:
        for plane, value in ((self.colour, colour), (self.opacity, opacity)):
            cv2.fillPoly(plane, [_fixed(points_px)], value, cv2.LINE_AA, SHIFT)

    def stroke(self, points_px: np.ndarray, colour, width_px: float, opacity: int = 255) -> None:
        thick = max(1, round(width_px * ZOOM))
        for plane, value in ((self.colour, colour), (self.opacity, opacity)):
            cv2.polylines(plane, [_fixed(points_px)], False, value, thick, cv2.LINE_AA, SHIFT)

    def tube(self, points_px: np.ndarray, width_px: float, colours=(BLACK, DARK, LIGHT)) -> None:
        """A rod that the light falls on from above."""
        for colour, width, up in zip(colours, (1, 0.6, 0.14), (0, 0.1, 0.25), strict=True):
            self.stroke(points_px - (0, up * width_px), colour, width * width_px)

    def laid_on(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The frame with the prop, uint8 [h, w, 3], and the prop's coverage, float32 [h, w]."""
        size = frame.shape[1::-1]
        cover = (self.opacity > 0)[..., None]
        spread = cv2.dilate(self.colour, np.ones((5, 5)))
        colour = cv2.resize(np.where(cover, self.colour, spread), size, interpolation=cv2.INTER_AREA)
        opacity = cv2.resize(self.opacity, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        opacity = cv2.GaussianBlur(opacity, (0, 0), CAMERA_BLUR_PX)
        colour = cv2.GaussianBlur(colour, (0, 0), CAMERA_BLUR_PX)
        return _over(frame, colour, opacity), opacity


def _fixed(points_px: np.ndarray) -> np.ndarray:
    return np.round(points_px * ZOOM * 2**SHIFT).astype(np.int32)


def _over(frame, colour, opacity) -> np.ndarray:
    share = opacity[..., None]
    return np.round(frame * (1 - share) + colour * share).astype(np.uint8)


def oval(middle, radii, start: float = 0, end: float = 360) -> np.ndarray:
    """Points of an ellipse in head widths, angles in degrees clockwise from the right; float [n, 2]."""
    angles = np.radians(np.linspace(start, end, 48))
    return np.stack([middle[0] + radii[0] * np.cos(angles), middle[1] + radii[1] * np.sin(angles)], 1)


def rounded(middle, half, corner: float) -> np.ndarray:
    """Points of a rectangle with round corners, in head widths."""
    inner = np.array(half) - corner
    corners = [oval(np.array(middle) + inner * sign, (corner, corner), start, start + 90)
               for sign, start in (((1, 1), 0), ((-1, 1), 90), ((-1, -1), 180), ((1, -1), 270))]
    return np.concatenate(corners)


def headset(sheet: Sheet, head: Head) -> None:
    """A band over the hair, cups over the ears, a thin arm to the mouth."""
    width = head.width_px
    sheet.tube(head.at(oval((0, 0.1), (0.62, 1.02), 182, 358)), 0.13 * width)
    for side in (-1, 1):
        sheet.fill(head.at(oval((0.55 * side, 0.16), (0.11, 0.25))), BLACK)
        sheet.fill(head.at(oval((0.63 * side, 0.15), (0.12, 0.29))), DARK)
        sheet.fill(head.at(oval((0.65 * side, 0.13), (0.08, 0.22))), GREY)
        sheet.stroke(head.at(oval((0.65 * side, 0.14), (0.07, 0.19))), CYAN, 0.02 * width)
    arm = oval((-0.22, 0.32), (0.42, 0.48), 180, 95)
    sheet.tube(head.at(arm), 0.035 * width)
    sheet.fill(head.at(oval(arm[-1], (0.09, 0.055))), BLACK)


def microphone(sheet: Sheet, head: Head) -> None:
    """On a jointed arm from the right, its capsule before the chest; fixed to the desk: give it one head for all."""
    width = head.width_px
    sheet.tube(head.at([(5.2, 4.6), (2.9, 1.15)]), 0.17 * width)
    sheet.tube(head.at([(2.9, 1.15), (0.75, 2.05)]), 0.15 * width)
    sheet.fill(head.at(oval((2.9, 1.15), (0.16, 0.16))), GREY)
    sheet.stroke(head.at(oval((0.3, 2.1), (0.42, 0.34))), DARK, 0.07 * width)
    sheet.fill(head.at(rounded((0.3, 2.15), (0.25, 0.55), 0.2)), BLACK)
    sheet.fill(head.at(rounded((0.27, 2.15), (0.19, 0.5), 0.16)), DARK)
    sheet.fill(head.at(rounded((0.3, 1.84), (0.24, 0.27), 0.18)), GREY)
    for row in np.linspace(1.66, 2.04, 7):
        sheet.stroke(head.at([(0.09, row), (0.51, row)]), LIGHT, 0.02 * width)
    sheet.stroke(head.at([(0.16, 2.2), (0.16, 2.55)]), LIGHT, 0.03 * width)
    sheet.fill(head.at(oval((0.3, 2.42), (0.04, 0.04))), RED)


def chair(sheet: Sheet, head: Head) -> None:
    """A gaming chair's back, to be laid behind the person; stands still: give it one head for all."""
    half = np.array([(0.7, -0.95), (0.95, -0.75), (1.0, 0.25), (1.75, 0.75), (2.35, 1.5), (2.2, 3.2), (2.45, 7)])
    mirror = half[::-1] * (-1, 1)
    sheet.fill(head.at(np.concatenate([half, mirror])), BLACK)
    sheet.fill(head.at(np.concatenate([half * (0.86, 1) + (0, 0.06), mirror * (0.86, 1) + (0, 0.06)])), DARK)
    for side in (-1, 1):
        stripe = half[2:] * (side, 1)
        sheet.fill(head.at(np.concatenate([stripe * (0.95, 1), (stripe * (0.8, 1))[::-1]])), RED)
        sheet.stroke(head.at(half * (side * 0.97, 1)), GREY, 0.04 * head.width_px)
    for row in np.arange(-0.6, 6, 0.55):
        sheet.stroke(head.at([(-1.3, row), (1.3, row)]) if row > 0.8 else head.at([(-0.7, row), (0.7, row)]),
                     BLACK, 0.04 * head.width_px)


def glasses(sheet: Sheet, head: Head) -> None:
    """Dark frames; in the lenses the window of a bright screen, which slides as the head moves."""
    width = head.width_px
    slide = 0.08 * np.sin(head.eyes_px[0] / 9) + 0.4 * head.across[1]
    for side in (-1, 1):
        lens = rounded((0.24 * side, 0.04), (0.18, 0.13), 0.07)
        sheet.fill(head.at(lens), (120, 110, 96), 60)
        bright = np.array([(-0.12, -0.08), (0.05, -0.08), (0.0, 0.09), (-0.14, 0.07)]) + (0.24 * side + slide, 0.04)
        sheet.fill(head.at(bright), (250, 236, 214), 190)
        sheet.stroke(head.at(np.concatenate([lens, lens[:1]])), BLACK, 0.025 * width)
        sheet.stroke(head.at([(0.44 * side, -0.02), (0.56 * side, -0.04)]), BLACK, 0.025 * width)
    sheet.stroke(head.at(oval((0, 0.03), (0.07, 0.05), 180, 360)), BLACK, 0.03 * width)
