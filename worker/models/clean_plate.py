# SPDX-License-Identifier: Apache-2.0
"""What is known of the background behind a person: a clean plate that grows while the person moves.

Pixels that once were surely background are remembered and shown where the person hides them now; what was never seen
is filled in from around (push_pull.py) and averaged over time, so that it does not flicker with the person mask. Used
by behind.Behind. Invariant: nothing is remembered from before the camera moved or the scene was cut.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.models.push_pull import ENOUGH, filled

BESIDE = np.ones((5, 5), np.uint8)  # pixels so near the person are not remembered: masks end beside hair and fingers
SURELY = 0.9  # of a background share: such a pixel is remembered
LOOKED_AT_PX = 4  # every so many pixels it is looked whether the camera moved
CHANGED = 24  # sum of the channels' differences from which on a pixel has changed
MOVED = 0.25  # share of changed background pixels from which on the camera has moved
KEPT = 0.9  # how much a guess keeps of the last frame's


class CleanPlate:
    """The background of one stream at the working size. Not thread-safe."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The camera or the scene is another one."""
        self._plate = self._guess = np.empty((0, 0, 3), np.uint8)
        self._known = np.empty((0, 0), np.float32)

    def __call__(self, picture: np.ndarray, share: np.ndarray) -> np.ndarray:
        """picture u8 [h,w,3], share f32 [h,w] of the background (behind.background_share) -> u8 [h,w,3]: the same
        without the person."""
        sure = (cv2.erode(share, BESIDE) > SURELY).astype(np.uint8)
        if self._known.shape != share.shape or self._moved(picture, sure):
            self._plate, self._known = picture.copy(), sure.astype(np.float32)
            self._guess = np.empty((0, 0, 3), np.uint8)
        cv2.copyTo(picture, sure, self._plate)
        np.maximum(self._known, sure, out=self._known)
        remembered = (1.0 - share) * self._known
        known = share + remembered
        seen = cv2.blendLinear(picture, self._plate, share, remembered)
        return cv2.blendLinear(seen, self._guessed(seen, known), known, 1.0 - known)

    def _guessed(self, seen: np.ndarray, known: np.ndarray) -> np.ndarray:
        """What is around, averaged over time; at half size, for it is smooth."""
        half = (seen.shape[1] // 2, seen.shape[0] // 2)
        firm = (known > 0.5).astype(np.uint8)
        share = cv2.resize(firm.astype(np.float32), half, interpolation=cv2.INTER_AREA)
        means = cv2.resize(cv2.copyTo(seen, firm), half, interpolation=cv2.INTER_AREA)
        means = np.minimum(means / np.maximum(share, 1e-3)[..., None], 255.0).astype(np.uint8)
        guess = filled(means, np.minimum(ENOUGH * share, 1.0))
        if self._guess.size:
            guess = cv2.addWeighted(self._guess, KEPT, guess, 1.0 - KEPT, 0.0)
        self._guess = guess
        return cv2.resize(guess, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_LINEAR)

    def _moved(self, picture: np.ndarray, sure: np.ndarray) -> bool:
        """Whether much of what is background now and was before looks different."""
        step = slice(None, None, LOOKED_AT_PX)
        both = (sure[step, step] > 0) & (self._known[step, step] > 0)
        if not both.any():
            return False
        change = cv2.absdiff(picture[step, step], self._plate[step, step]).sum(-1, dtype=np.int32)
        return float((change[both] > 3 * CHANGED).mean()) > MOVED
