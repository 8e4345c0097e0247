# SPDX-License-Identifier: Apache-2.0
"""What is known of the background behind a person: a clean plate that grows while the person moves.

Pixels that were surely background for a while are remembered and shown where the person hides them now; what was never
seen is filled in from around (fill_in.py) and averaged over time, so that it does not flicker with the person mask.
It moves along when the camera pans slowly (`follow`). Used by behind.Behind. Invariant: nothing is remembered from
before the camera swung round or the scene was cut.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.models.config import LATENT_FACTOR
from mirage_lsd.worker.paint.background.fill_in import filled

BESIDE = np.ones((5, 5), np.uint8)  # pixels so near the person are not remembered: masks end beside hair and fingers
SURELY = 0.9  # of a background share: such a pixel is remembered
LOOKED_AT_PX = 4  # every so many pixels it is looked whether the camera moved
CHANGED = 72  # sum of the channels' differences from which on a pixel has changed
MOVED = 0.25  # share of changed background pixels from which on the camera has moved
SEEN_FRAMES = 8  # so long a pixel is background before it is remembered: a person mask loses big hair for moments
BACKGROUND, FEWEST = 0.9, 20  # a cell's probability of background, and how many such cells show the camera's motion
STILL_PX = 0.1  # a frame; less is noise, which would add up
KEPT = 0.9  # how much a guess keeps of the last frame's


class CleanPlate:
    """The background of one stream at the working size. Not thread-safe."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The camera or the scene is another one."""
        self._plate = self._guess = np.empty((0, 0, 3), np.uint8)
        self._known = np.empty((0, 0), np.float32)
        self._frames = np.empty((0, 0), np.uint8)
        self._pan_px = np.zeros(2)

    def follow(self, flow: np.ndarray | None, background: np.ndarray) -> None:
        """To be told every frame: flow f32 [2,h/8,w/8], in cells, where each cell's picture was in the last frame, or
        None if the scene was cut; background f32 [h/8,w/8]: the probability that a cell shows it."""
        if flow is None:
            self.forget()
        elif self._known.size:
            cells = flow[:, background > BACKGROUND]
            pan_px = -LATENT_FACTOR * np.median(cells, axis=1) if cells.shape[1] >= FEWEST else np.zeros(2)
            if np.abs(pan_px).max() > STILL_PX:
                self._pan_px += pan_px
                self._move_along()

    def _move_along(self) -> None:
        whole = np.trunc(self._pan_px)
        if whole.any():
            self._pan_px -= whole
            shift = np.float32([[1.0, 0.0, whole[0]], [0.0, 1.0, whole[1]]])
            size_px = self._known.shape[::-1]
            self._plate, self._known, self._frames = (
                cv2.warpAffine(plane, shift, size_px, flags=cv2.INTER_NEAREST)
                for plane in (self._plate, self._known, self._frames))

    def __call__(self, picture: np.ndarray, share: np.ndarray) -> np.ndarray:
        """picture u8 [h,w,3], share f32 [h,w] of the background (behind.background_share) -> u8 [h,w,3]: the same
        without the person."""
        sure = (cv2.erode(share, BESIDE) > SURELY).astype(np.uint8)
        if self._known.shape != share.shape or self._moved(picture, sure):
            self._plate, self._known = picture.copy(), np.zeros(share.shape, np.float32)
            self._frames = np.zeros(share.shape, np.uint8)
            self._guess = np.empty((0, 0, 3), np.uint8)
        self._frames = cv2.multiply(cv2.add(self._frames, sure), sure)
        seen = (self._frames >= SEEN_FRAMES).astype(np.uint8)
        cv2.copyTo(picture, seen, self._plate)
        np.maximum(self._known, seen, out=self._known)
        remembered = (1.0 - share) * self._known
        known = share + remembered
        picture = cv2.blendLinear(picture, self._plate, share, remembered)
        return cv2.blendLinear(picture, self._guessed(picture, known), known, 1.0 - known)

    def _guessed(self, picture: np.ndarray, known: np.ndarray) -> np.ndarray:
        """What is around, averaged over time; at half size, for it is smooth."""
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        firm = (known > 0.5).astype(np.uint8)
        share = cv2.resize(firm.astype(np.float32), half, interpolation=cv2.INTER_AREA)
        means = cv2.resize(cv2.copyTo(picture, firm), half, interpolation=cv2.INTER_AREA)
        means = np.minimum(means / np.maximum(share, 1e-3)[..., None], 255.0).astype(np.uint8)
        guess = filled(means, share)
        if self._guess.size:
            guess = cv2.addWeighted(self._guess, KEPT, guess, 1.0 - KEPT, 0.0)
        self._guess = guess
        return cv2.resize(guess, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)

    def _moved(self, picture: np.ndarray, sure: np.ndarray) -> bool:
        """Whether much of what is background now and was before looks different."""
        step = slice(None, None, LOOKED_AT_PX)
        both = (sure[step, step] > 0) & (self._known[step, step] > 0)
        if not both.any():
            return False
        change = cv2.absdiff(picture[step, step], self._plate[step, step]).sum(-1, dtype=np.int32)
        return float((change[both] > CHANGED).mean()) > MOVED
