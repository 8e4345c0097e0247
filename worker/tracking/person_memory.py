# SPDX-License-Identifier: Apache-2.0
"""The person mask held over time: segmenters lose big hair, arms and dark coats for moments, as a whole.

Called by the encode stage, each frame, before and after the encoder. Where a mask says much less of a person than the
frame before did, its motion reckoned with, and the picture there is the same, the person is still there; what the
encoder's parsing made of a frame counts as its mask did.
Invariant: nothing is held over a cut, where something was hidden, or where the picture has changed.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.models.config import LATENT_FACTOR

FINER = LATENT_FACTOR // 2  # pixels of the half-size picture a cell; all is compared at half size
AROUND = (5, 5)  # half-size pixels: a mask's loss is a mean of so many, or outlines that tremble would grow
LOST_FROM, LOST = 0.05, 0.1  # a loss from which on something is held, and how much more until all of it is
HELD = 0.9  # how much of what was lost a frame keeps
SAME_WITHIN = 60.0  # sum of the channels' differences (0..255 each) of pictures that are the same
# The parsing's probability of background below which somebody is there, and how steeply: sooner than behind.person_seen
# has it, for a mask is a hint to the encoder, and what is shown is decided there.
PARSED_UNTIL, PARSED = 0.5, 4.0


class PersonMemory:
    """What one stream's last frame showed of a person. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene, or another size."""
        self._person: np.ndarray | None = None
        self._picture = np.empty((0, 0, 3), np.uint8)

    def __call__(self, mask: np.ndarray, picture: np.ndarray, motion: np.ndarray | None) -> np.ndarray:
        """mask f32 [h,w] 0..1 and picture u8 [h,w,3] of this frame; motion f32 [3,h/8,w/8]: where each cell's picture
        was in the last frame, columns and rows in cells, and how surely it was hidden there, 0..1; None after a cut
        -> f32 [h,w] 0..1."""
        height, width = mask.shape
        size_px = (width // 2, height // 2)
        before, self._picture = self._picture, cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA)
        if motion is None or self._person is None:
            self._person = None
            return mask
        x, y = places(motion[:2], size_px)
        person = cv2.remap(self._person, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        lost = person - cv2.resize(mask, size_px, interpolation=cv2.INTER_AREA)
        share = np.clip((cv2.blur(lost, AROUND) - LOST_FROM) * (1.0 / LOST), 0.0, 1.0)
        change = cv2.absdiff(moved, self._picture).sum(-1, dtype=np.float32) * (1.0 / SAME_WITHIN)
        share *= np.exp(-np.square(change)) * (1.0 - cv2.resize(motion[2], size_px, interpolation=cv2.INTER_LINEAR))
        share, person = (cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
                         for plane in (share, person))
        return mask + HELD * share * (person - mask)

    def observe(self, mask: np.ndarray, background: np.ndarray) -> None:
        """What became of the frame: its mask f32 [h,w] as held, and background f32 [h/8,w/8], the probability that the
        encoder's parsing gives it."""
        size_px = self._picture.shape[1], self._picture.shape[0]
        parsed = cv2.resize(PARSED * (PARSED_UNTIL - background), size_px, interpolation=cv2.INTER_LINEAR)
        self._person = np.clip(cv2.max(cv2.resize(mask, size_px, interpolation=cv2.INTER_AREA), parsed), 0.0, 1.0)


def places(flow: np.ndarray, size_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where every half-size pixel was: columns and rows, f32 [h/2,w/2] each."""
    x, y = (FINER * cv2.resize(plane, size_px, interpolation=cv2.INTER_LINEAR) for plane in flow)
    x += np.arange(size_px[0], dtype=np.float32)
    y += np.arange(size_px[1], dtype=np.float32)[:, None]
    return x, y
