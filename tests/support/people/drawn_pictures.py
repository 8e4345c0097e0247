# SPDX-License-Identifier: Apache-2.0
"""Drawn people: a figure that sways before a soft background, where nobody has to be found; and, at a working size,
boxes with a head, a face and clothes in a colour of their own, for who is who. Later ones stand before earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PICTURES = 24
HIGH, WIDE, CELL_PX = 192, 320, 8
STILL = np.zeros((3, HIGH // CELL_PX, WIDE // CELL_PX), np.float32)
TURN = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
OVAL = np.stack([np.cos(TURN), np.sin(TURN)], 1) / 2


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


@dataclass(frozen=True)
class Person:
    """x: of the middle, px; face_px: height of the face; colour: of the clothes; top_px: of the head; turned: without a
    face that can be seen."""

    x: int
    face_px: int = 40
    colour: tuple[int, int, int] = (200, 60, 40)
    top_px: int = 30
    turned: bool = False

    @property
    def face(self) -> np.ndarray:
        """f32 [24,2]: points of the face, shares of the picture."""
        middle = self.x, self.top_px + self.face_px / 2
        points = OVAL * (0.75 * self.face_px, self.face_px) + middle
        return np.float32(points / (WIDE, HIGH))

    @property
    def boxes(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Corners of head and body."""
        half, shoulder = round(0.375 * self.face_px), round(1.05 * self.face_px)
        chin = self.top_px + self.face_px
        head = (self.x - half, self.top_px), (self.x + half, chin)
        return [head, ((self.x - shoulder, chin), (self.x + shoulder, HIGH))]


def drawn(*people: Person) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """-> person mask f32 [192,320], picture u8 [192,320,3], faces that are seen."""
    mask, picture = np.zeros((HIGH, WIDE), np.float32), np.full((HIGH, WIDE, 3), 225, np.uint8)
    for person in people:
        for (corner, other), colour in zip(person.boxes, ((120, 150, 210), person.colour), strict=True):
            cv2.rectangle(mask, corner, other, 1.0, cv2.FILLED)
            cv2.rectangle(picture, corner, other, colour, cv2.FILLED)
    return mask, picture, [person.face for person in people if not person.turned]


def body_of(person: Person, *before: Person) -> np.ndarray:
    """bool [192,320]: the pixels of somebody who stands behind others."""
    (mask, _, _), (hidden, _, _) = drawn(person), drawn(*before)
    return (mask > 0) & (hidden == 0)


def moved_by(right_px: float) -> np.ndarray:
    """The motion f32 [3,24,40] of a picture all of which went to the right."""
    motion = STILL.copy()
    motion[0] = -right_px / CELL_PX
    return motion
