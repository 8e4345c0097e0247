# SPDX-License-Identifier: Apache-2.0
"""The 468 points of every face, followed from frame to frame: MediaPipe's short-range face detector and face mesh.

Called by Eyes, one thread. face_detection_short_range: float32 [1, 128, 128, 3] RGB -1..1 -> 896 boxes of 16 values
(center, size, right eye, left eye, nose, mouth, ears), scores are logits. face_landmark: float32 [1, 192, 192, 3] RGB
0..1 -> 468 points of 3 in input pixels, presence is a LOGIT. Invariant: a followed face needs no detector.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.tracking.eyes.detector import Detector, Found
from mirage_lsd.worker.tracking.eyes.sight import FACE_POINTS, Face
from mirage_lsd.worker.tracking.eyes.square import Square, around, moved
from mirage_lsd.worker.tracking.eyes.tflite import Model
from mirage_lsd.worker.tracking.eyes.unchanged import Unchanged

MOST_FACES = 6
SIDE_PX = 192
LEAST_SCORE, LEAST_PRESENCE = 0.4, 0.5  # what the detector doubts, the landmarks decide
_GROWS = 1.5
_SAME = 0.3  # of the square's side: faces this close are one
_STILL, _MOST_STILL = 12.0, 1  # of 255, lips and lids may move; pictures: a face that keeps still is not read again
_MIDDLE = 0.1  # of the square's side: how far from its middle the points are still exact
_RIGHT_EYE, _LEFT_EYE = 33, 263  # outer corners, of the 468 points


class Faces:
    """Keeps the squares in which the next frame's faces should be."""

    def __init__(self, most: int = MOST_FACES) -> None:
        self._detector = Detector("face_detection_short_range.tflite", -1.0, LEAST_SCORE)
        self._landmarks = Model("face_landmark.tflite")
        self._most = most
        self._squares: list[Square] = []
        self._unchanged: Unchanged[Face] = Unchanged(_STILL, _MOST_STILL)

    @property
    def following(self) -> int:
        """How many the next frame needs no search for."""
        return len(self._squares)

    def __call__(self, picture: np.ndarray, parts_px: list[tuple[int, int, int, int]] = ()) -> list[Face]:
        """picture: uint8 [H, W, 4] BGRA; parts_px: boxes to search for faces not yet known."""
        faces: list[Face] = []
        self._unchanged.begin()
        squares, self._squares = self._squares, []
        for square in squares:
            self._look(picture, square, faces)
        for part_px in parts_px:
            for found in self._detector(picture, part_px):
                self._look(picture, _around_found(found), faces)
        return faces

    def reset(self) -> None:
        """Forgets every face."""
        self._squares = []
        self._unchanged.reset()

    def _look(self, picture: np.ndarray, square: Square, faces: list[Face]) -> None:
        """Adds the face in the square, if there is one that is not known. Where it has left the square's middle, its
        points are drawn back to it: then it is looked at once more."""
        if len(faces) >= self._most or any(square.near(known, _SAME) for known in self._squares):
            return
        face = self._read(picture, square)
        if face is not None and not _around_face(face).near(square, _MIDDLE):
            face = self._read(picture, _around_face(face)) or face
        if face is not None and not any(_around_face(face).near(known, _SAME) for known in self._squares):
            self._squares.append(_around_face(face))
            faces.append(face)

    def _read(self, picture: np.ndarray, square: Square) -> Face | None:
        known = self._unchanged.recall(picture, square)
        if known is not None:
            return known
        outputs = self._landmarks(square.cut(picture, SIDE_PX))
        logit, points = sorted((output.reshape(-1) for output in outputs), key=len)
        presence = float(1 / (1 + np.exp(-logit[0])))
        if presence < LEAST_PRESENCE:
            return None
        face = Face(square.place(points.reshape(FACE_POINTS, 3)[:, :2], SIDE_PX), presence)
        return self._unchanged.keep(picture, square, face)


def _around_face(face: Face) -> Square:
    """The square for the next frame, from the points of this one."""
    points_px = face.points_px
    return around(points_px, _level_angle(points_px[_RIGHT_EYE], points_px[_LEFT_EYE]), _GROWS)


def _around_found(found: Found) -> Square:
    right_eye, left_eye = found.points_px[:2]
    return moved(found.center_px, found.size_px, _level_angle(right_eye, left_eye), _GROWS, 0.0)


def _level_angle(left: np.ndarray, right: np.ndarray) -> float:
    """Of the way between two points that are level in an upright face, clockwise, in radians."""
    return float(np.arctan2(right[1] - left[1], right[0] - left[0]))
