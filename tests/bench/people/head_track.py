# SPDX-License-Identifier: Apache-2.0
"""Where the head is in each frame of a film, and which pixels are the person: for props that follow.

By MediaPipe's own solutions, in the judge's environment (see ../shared/people/measure.py), not by the project's code.
Invariant: a head for every frame: gaps are filled between their neighbours, and trembling is smoothed.
"""

from __future__ import annotations

import cv2
import mediapipe as mp  # pyright: ignore[reportMissingImports]  only in the judge's environment
import numpy as np
from head_place import Head

LEFT_EAR, RIGHT_EAR, LEFT_EYE, RIGHT_EYE = 234, 454, 33, 263
SMOOTH_FRAMES = 1.2


def heads_of(frames: list[np.ndarray]) -> list[Head]:
    """One head a frame; uint8 [h, w, 3] BGR. Raises ValueError where no frame shows a face."""
    mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=4, min_detection_confidence=0.4)
    seen = np.full((len(frames), 5), np.nan)
    for number, frame in enumerate(frames):
        height, width = frame.shape[:2]
        found = mesh.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks or []
        faces = [np.array([(mark.x * width, mark.y * height) for mark in face.landmark]) for face in found]
        if faces:
            seen[number] = _measured(min(faces, key=lambda face: abs(face[:, 0].mean() - width / 2)))
    return [Head(row[:2], row[2:4] / np.linalg.norm(row[2:4]), row[4]) for row in _filled(seen)]


def _measured(face: np.ndarray) -> np.ndarray:
    along = face[RIGHT_EYE] - face[LEFT_EYE]
    middle = (face[RIGHT_EYE] + face[LEFT_EYE]) / 2
    return np.array([*middle, *along / np.linalg.norm(along), np.linalg.norm(face[RIGHT_EAR] - face[LEFT_EAR])])


def _filled(seen: np.ndarray) -> np.ndarray:
    """Without gaps and trembling; float [frames, 5]."""
    known = np.flatnonzero(~np.isnan(seen[:, 0]))
    if not known.size:
        raise ValueError("no face in the film")
    whole = np.stack([np.interp(np.arange(len(seen)), known, column[known]) for column in seen.T], 1)
    return cv2.GaussianBlur(whole, (1, 0), sigmaX=0.01, sigmaY=SMOOTH_FRAMES, borderType=cv2.BORDER_REPLICATE)


def people_in(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Coverage by a person, float32 [h, w] of 0 to 1 a frame, drawn to the picture's own edges."""
    segmentation = mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
    out = []
    for frame in frames:
        mask = segmentation.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).segmentation_mask.astype(np.float32)
        out.append(np.clip((_guided(frame, mask) - 0.5) * 2.5 + 0.5, 0, 1))
    return out


def _guided(frame: np.ndarray, mask: np.ndarray, radius_px: int = 6, eps: float = 4e-4) -> np.ndarray:
    """A guided filter over grey: the mask's soft edge moved to the picture's."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255

    def mean(plane):
        return cv2.blur(plane, [2 * radius_px + 1] * 2)

    mean_grey, mean_mask = mean(grey), mean(mask)
    slope = (mean(grey * mask) - mean_grey * mean_mask) / (mean(grey * grey) - mean_grey**2 + eps)
    return mean(slope) * grey + mean(mean_mask - slope * mean_grey)
