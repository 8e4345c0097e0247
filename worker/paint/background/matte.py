# SPDX-License-Identifier: Apache-2.0
"""The matte: how much of each full-size pixel is the person, along the source's own edges, hair and headset included.

Called by the composite stage, each frame, where a look takes the place behind the person away. The segmenter says who
is there, the layer what the look covers and uncovers; a guided filter worked out at 640 px lays their border onto the
full-size source's edges. Invariants: pixels that stay the same do not flicker; somebody whom the layer does not know
(a monitor that the segmenter takes for a person) is nobody.
"""
from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.paint.guided import guided_coefficients
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps
from mirage_lsd.worker.processes.side_by_side import in_bands, in_parallel
from mirage_lsd.worker.tracking.reduced import reduced

GUIDE_PX = 640  # long side at which the filter is worked out
RADIUS_PX, EPS = 4, 1e-3  # of it; a step of some 8 of 255 counts as an edge
FIRST_PX = 8  # radius at half of it: the segmenter's border is moved to an edge that is so far away ...
UNSURE = np.ones((5, 5), np.uint8)  # ... and is wrong by no more than this (a bright forehead is no wall)
STEEPNESS = 2.0  # a guided filter's borders are softer than those it follows
SOFTEST_PX = (3, 3)  # the chroma of a camera's picture is made of steps of two pixels
PERSON_FROM, KNOWN_FROM = 0.3, 0.6  # a segmenter's share that may be a person, a layer's that surely is one
SPECK = 0.03  # of the largest person; a hand alone is larger
LAYER_SHARE, LAYER_SHARE_EDITED = 0.3, 0.65  # what the layer's word weighs beside the segmenter's
DECIDED = 4.0  # how steeply it is decided between the two
MID_LUMA = 0.4
STILL = 5.0  # of 255: change of brightness up to which a pixel is the same as in the last frame
KEPT = 0.8  # how much of the last frame's such a pixel keeps
EVERY_PX, BORDER, FEWEST = 3, np.ones((9, 9), np.uint8), 30  # pixels beside the border that are looked at
SPREAD = 0.01  # variance that colours are taken to have besides their own
EVEN = np.array((0.114, 0.587, 0.299))  # luma, BGR
SLOWLY = 0.1
FEWEST_PX = np.ones((5, 5), np.uint8)


def kept_share(maps: LayerMaps) -> np.ndarray:
    """f32 [h,w] 0..1: how little of the place behind the layer shows."""
    return 1.0 - np.clip(maps.mask[1] + MID_LUMA * maps.mask[2], 0.0, 1.0) * maps.shares[SCENE]


def known_person(person: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The segmenter's person f32 [h,w] 0..1 without those of its blots in which the layer knows nobody (kept f32
    [h,w]), and without specks."""
    count, blots, boxes, _ = cv2.connectedComponentsWithStats((person > PERSON_FROM).astype(np.uint8))
    known = np.zeros(count, np.uint8)
    known[np.unique(blots[kept > KNOWN_FROM])] = 1
    known[0] = 0
    sizes = boxes[:, cv2.CC_STAT_AREA] * known
    known[sizes < SPECK * sizes.max()] = 0
    return person * cv2.dilate(known[blots], FEWEST_PX)


class Matte:
    """One stream's. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The scene was cut."""
        self._plane = np.empty((0, 0), np.float32)
        self._picture = np.empty((0, 0), np.uint8)
        self._grey: np.ndarray | None = None

    def __call__(self, frame: np.ndarray, person: np.ndarray, maps: LayerMaps, edited: bool) -> np.ndarray:
        """frame u8 [H,W,4] BGRA; person f32 [h,w] 0..1: the segmenter's; edited: whether the look changes the person's
        outline -> u8 [H,W], 255 is the person."""
        size_px = reduced_px(frame.shape[1], frame.shape[0], GUIDE_PX)
        small = reduced(frame, size_px)
        kept = kept_share(maps)
        body = known_person(person, kept)
        weight = LAYER_SHARE_EDITED if edited else LAYER_SHARE
        mixed = cv2.addWeighted(body, 1.0 - weight, kept, weight, 0.0)
        plane = _decided(cv2.resize(mixed, size_px, interpolation=cv2.INTER_CUBIC))
        tells_apart = self._telling(small, plane)
        guide = cv2.transform(small, tells_apart).astype(np.float32) * np.float32(1 / 255)
        plane = self._steadied(cv2.cvtColor(small, cv2.COLOR_BGRA2GRAY), plane)
        slope, offset = guided_coefficients(guide, moved_to_edges(guide, plane), RADIUS_PX, EPS)
        if edited:
            slope, offset = _where_nothing_guides(slope, offset, plane, cv2.resize(body - kept, size_px))
        return applied(slope, offset, weighed(frame, tells_apart))

    def _telling(self, small: np.ndarray, plane: np.ndarray) -> np.ndarray:
        """f32 [1,5] for cv2.transform of BGRA: the grey in which person and place differ most, slowly changing."""
        now = telling_grey(small, plane)
        if now is not None:
            self._grey = now if self._grey is None else self._grey + SLOWLY * (now - self._grey)
        return as_transform(EVEN if self._grey is None else self._grey)

    def _steadied(self, picture: np.ndarray, plane: np.ndarray) -> np.ndarray:
        """The plane with the last one where the picture u8 [h,w] has not changed."""
        if self._plane.shape == plane.shape:
            change = cv2.blur(cv2.absdiff(picture, self._picture).astype(np.float32), (5, 5))
            same = np.exp(-np.square(change * np.float32(1 / STILL))) * np.float32(KEPT)
            plane = plane + same * (self._plane - plane)
        self._plane, self._picture = plane, picture
        return plane


def telling_grey(picture: np.ndarray, plane: np.ndarray) -> np.ndarray | None:
    """Fisher's linear discriminant of the person's colours and the place's on both sides of the border: f64 [3] BGR
    weights; picture u8 [h,w,4], plane f32 [h,w]. None where there is no border."""
    some, share = picture[::EVERY_PX, ::EVERY_PX, :3], np.ascontiguousarray(plane[::EVERY_PX, ::EVERY_PX])
    beside = cv2.dilate(share, BORDER) - cv2.erode(share, BORDER) > 0.5
    ours, theirs = (some[beside & sure].astype(np.float64) / 255.0 for sure in (share > 0.9, share < 0.1))
    if min(len(ours), len(theirs)) < FEWEST:
        return None
    spread = np.cov(ours.T) + np.cov(theirs.T) + SPREAD * np.eye(3)
    weights = np.linalg.solve(spread, ours.mean(0) - theirs.mean(0))
    return weights / max(np.abs(weights).sum(), 1e-9)


def as_transform(weights: np.ndarray) -> np.ndarray:
    """f64 [3] BGR -> f32 [1,5] for cv2.transform of u8 BGRA to u8."""
    weights = weights / max(np.abs(weights).sum(), 1e-9)
    return np.float32([[*weights, 0.0, -255.0 * np.minimum(weights, 0.0).sum()]])


def weighed(picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """cv2.transform of a large u8 [H,W,4] by f32 [1,5] to u8 [H,W], on two threads."""
    grey, (blue, green, red, _, more) = np.empty(picture.shape[:2], np.uint8), map(float, weights[0])

    def band(rows: slice) -> None:
        planes = cv2.split(picture[rows])
        two = cv2.addWeighted(planes[0], blue, planes[1], green, more, dtype=cv2.CV_32F)
        cv2.add(two, np.multiply(planes[2], np.float32(red)), dst=grey[rows], dtype=cv2.CV_8U)

    in_bands(len(picture), band)
    return grey


def reduced_px(width_px: int, height_px: int, long_px: int) -> tuple[int, int]:
    """(width, height) of a picture whose long side is at most this."""
    scale = min(1.0, long_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def moved_to_edges(guide: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """The plane f32 [h,w] with its borders at the nearest edges of the guide f32 [h,w]; roughly, at half the size."""
    size_px = max(1, guide.shape[1] // 2), max(1, guide.shape[0] // 2)
    guide, half = (cv2.resize(each, size_px, interpolation=cv2.INTER_AREA) for each in (guide, plane))
    slope, offset = guided_coefficients(guide, half, FIRST_PX, EPS)
    moved = np.clip((slope * guide + offset - 0.5) * STEEPNESS + 0.5, 0.0, 1.0)
    moved = np.clip(moved, cv2.erode(half, UNSURE), cv2.dilate(half, UNSURE))
    return cv2.resize(moved, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)


def applied(slope: np.ndarray, offset: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Coefficients f32 [h,w] on the full-size grey u8 [H,W], made steeper -> u8 [H,W]."""
    offset = (offset - np.float32(0.5)) * np.float32(255 * STEEPNESS) + np.float32(127.5)
    slope, offset = in_parallel([
        partial(cv2.resize, plane, grey.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        for plane in (slope * np.float32(STEEPNESS), offset)
    ])  # fmt: skip
    matte = np.empty_like(grey)

    def band(rows: slice) -> None:
        cv2.multiply(slope[rows], grey[rows], dst=slope[rows], dtype=cv2.CV_32F)
        cv2.add(slope[rows], offset[rows], dst=matte[rows], dtype=cv2.CV_8U)

    in_bands(len(grey), band)
    return cv2.GaussianBlur(matte, SOFTEST_PX, 0)


def _where_nothing_guides(slope: np.ndarray, offset: np.ndarray, plane: np.ndarray,
                          moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients that give the plane itself where the look moves the outline (moved f32 [h,w] -1..1): the source has
    no edge there."""
    free = np.clip(cv2.blur(np.abs(moved), (9, 9)) * 4.0 - 1.0, 0.0, 1.0)
    return slope * (1.0 - free), offset + free * (plane - offset)


def _decided(share: np.ndarray) -> np.ndarray:
    return np.clip((share - 0.5) * DECIDED + 0.5, 0.0, 1.0)
