# SPDX-License-Identifier: Apache-2.0
"""The matte: how much of each full-size pixel is the person, along the source's own edges, hair and headset included.

Called by the composite stage, each frame, where a look takes the place behind the person away. The segmenter says who
is there, the layer what the look covers and uncovers; a guided filter worked out at 640 px lays their border onto the
full-size source's edges. Invariants: pixels that stay the same do not flicker; somebody whom the layer does not know
(a monitor that the segmenter takes for a person) is nobody.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.guided import guided_coefficients
from mirage_lsd.worker.paint.layer_band import SCENE, LayerMaps

GUIDE_PX = 640  # long side at which the filter is worked out
RADIUS_PX, EPS = 8, 2e-4  # of it; a step of some 4 of 255 counts as an edge
STEEPNESS = 1.6  # a guided filter's borders are softer than those it follows
PERSON_FROM, KNOWN_FROM = 0.3, 0.6  # a segmenter's share that may be a person, a layer's that surely is one
LAYER_SHARE, LAYER_SHARE_EDITED = 0.3, 0.65  # what the layer's word weighs beside the segmenter's
DECIDED = 4.0  # how steeply it is decided between the two
MID_LUMA = 0.4
STILL = 5.0 / 255  # change of brightness up to which a pixel is the same as in the last frame
KEPT = 0.8  # how much of the last frame's such a pixel keeps
FEWEST_PX = np.ones((5, 5), np.uint8)


def kept_share(maps: LayerMaps) -> np.ndarray:
    """f32 [h,w] 0..1: how little of the place behind the layer shows."""
    return 1.0 - np.clip(maps.mask[1] + MID_LUMA * maps.mask[2], 0.0, 1.0) * maps.shares[SCENE]


def known_person(person: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The segmenter's person f32 [h,w] 0..1 without those of its blots in which the layer knows nobody (kept f32
    [h,w])."""
    count, blots = cv2.connectedComponents((person > PERSON_FROM).astype(np.uint8))
    known = np.zeros(count, np.uint8)
    known[np.unique(blots[kept > KNOWN_FROM])] = 1
    known[0] = 0
    return person * cv2.dilate(known[blots], FEWEST_PX)


class Matte:
    """One stream's. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The scene was cut."""
        self._plane = self._guide = np.empty((0, 0), np.float32)

    def __call__(self, frame: np.ndarray, person: np.ndarray, maps: LayerMaps, edited: bool) -> np.ndarray:
        """frame u8 [H,W,4] BGRA; person f32 [h,w] 0..1: the segmenter's; edited: whether the look changes the person's
        outline -> u8 [H,W], 255 is the person."""
        grey = cv2.cvtColor(frame, cv2.COLOR_BGRA2GRAY)
        size_px = guide_size_px(frame.shape[1], frame.shape[0])
        guide = cv2.resize(grey, size_px, interpolation=cv2.INTER_AREA).astype(np.float32) * np.float32(1 / 255)
        kept = kept_share(maps)
        body = known_person(person, kept)
        weight = LAYER_SHARE_EDITED if edited else LAYER_SHARE
        mixed = cv2.addWeighted(body, 1.0 - weight, kept, weight, 0.0)
        plane = self._steadied(guide, _decided(cv2.resize(mixed, size_px, interpolation=cv2.INTER_CUBIC)))
        slope, offset = guided_coefficients(guide, plane, RADIUS_PX, EPS)
        if edited:
            slope, offset = _where_nothing_guides(slope, offset, plane, cv2.resize(body - kept, size_px))
        return applied(slope, offset, grey)

    def _steadied(self, guide: np.ndarray, plane: np.ndarray) -> np.ndarray:
        """The plane with the last one where the picture has not changed."""
        if self._plane.shape == plane.shape:
            change = cv2.blur(cv2.absdiff(guide, self._guide), (5, 5))
            same = np.exp(-np.square(change * np.float32(1 / STILL))) * np.float32(KEPT)
            plane = plane + same * (self._plane - plane)
        self._plane, self._guide = plane, guide
        return plane


def guide_size_px(width_px: int, height_px: int) -> tuple[int, int]:
    """(width, height) of the guide for a frame of this size."""
    scale = min(1.0, GUIDE_PX / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def applied(slope: np.ndarray, offset: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Coefficients f32 [h,w] on the full-size grey u8 [H,W], made steeper -> u8 [H,W]."""
    size_px = grey.shape[1::-1]
    slope = cv2.resize(slope * np.float32(STEEPNESS), size_px, interpolation=cv2.INTER_LINEAR)
    offset = (offset - np.float32(0.5)) * np.float32(255 * STEEPNESS) + np.float32(127.5)
    offset = cv2.resize(offset, size_px, interpolation=cv2.INTER_LINEAR)
    cv2.multiply(slope, grey, dst=slope, dtype=cv2.CV_32F)
    return cv2.add(slope, offset, dtype=cv2.CV_8U)


def _where_nothing_guides(slope: np.ndarray, offset: np.ndarray, plane: np.ndarray,
                          moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients that give the plane itself where the look moves the outline (moved f32 [h,w] -1..1): the source has
    no edge there."""
    free = np.clip(cv2.blur(np.abs(moved), (9, 9)) * 4.0 - 1.0, 0.0, 1.0)
    return slope * (1.0 - free), offset + free * (plane - offset)


def _decided(share: np.ndarray) -> np.ndarray:
    return np.clip((share - 0.5) * DECIDED + 0.5, 0.0, 1.0)
