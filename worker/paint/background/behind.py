# SPDX-License-Identifier: Apache-2.0
"""What may lie behind a person: the picture without the person, at full size.

Where a look uncovers the background (sleeves, hair and trouser legs that go), the layer's scene share says so and this
is shown, as a scene picture is where the words ask for one: what was seen there before, or what is around
(clean_plate.py). Called by the upscale stage. Invariant: pixels that are surely background stay as they are.
"""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.clean_plate import CleanPlate
from mirage_lsd.worker.paint.layer_box import Box, cut
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps

MARGIN = np.ones((5, 5), np.uint8)  # masks end a pixel or two beside outlines; cloth must not get into the fill
SURE = 3.0  # times a person's share: from a third on a pixel tells nothing of the background
PARSED = 3.0  # times what the parsing leaves for background is taken from the person: from two thirds on it counts
UNCOVERED_FROM, DECIDED = 0.4, 4.0  # the scene share from which on it is decided for background, and how steeply


def person_seen(mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Person mask f32 [h,w] 0..1, and where the encoder's parsing is sure of the person although the mask is not (big
    hair, mostly); background f32 [h/8,w/8]: the parsing's probability of background -> f32 [h,w] 0..1."""
    parsed = cv2.resize(PARSED - PARSED * background, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.maximum(mask, np.clip(parsed - (PARSED - 1.0), 0.0, 1.0))


def background_share(person: np.ndarray) -> np.ndarray:
    """person f32 [h,w] 0..1 -> f32 [h,w] 0..1: how surely a pixel is background."""
    return np.square(np.clip(1.0 - SURE * cv2.dilate(person, MARGIN), 0.0, 1.0))


def uncovering(maps: LayerMaps, share: np.ndarray) -> LayerMaps:
    """Maps whose scene share is decided, as coverage is (half-uncovered, the old cloth's colour would show), and which
    leave alone what is surely background; share f32 [h,w]: see `background_share`."""
    shares, mask = maps.shares.copy(), maps.mask.copy()
    scene = shares[SCENE]
    np.clip((scene - UNCOVERED_FROM) * DECIDED + 0.5, 0.0, 1.0, out=scene)
    mask[1:] *= 1.0 - scene * share
    return replace(maps, shares=shares, mask=mask)


class Behind:
    """What lies behind the person of one stream, on frames of any size; keeps one picture's buffer and a clean plate.
    Not thread-safe."""

    def __init__(self) -> None:
        self._picture, self._plate = np.empty((0, 0, 3), np.uint8), CleanPlate()

    def reset(self) -> None:
        """The scene was cut: nothing is known of this one's background."""
        self._plate.forget()

    def follow(self, flow: np.ndarray | None, background: np.ndarray) -> None:
        """See CleanPlate.follow."""
        self._plate.follow(flow, background)

    def __call__(self, frame: np.ndarray, working: np.ndarray, share: np.ndarray, box: Box) -> np.ndarray:
        """frame u8 [H,W,4] BGRA, working u8 [h,w,3] RGB: the same, small; share f32 [h,w]: see `background_share`; box:
        where it is needed -> u8 [H,W,3] BGR, true only inside the box."""
        if self._picture.shape[:2] != frame.shape[:2]:
            self._picture = np.empty((*frame.shape[:2], 3), np.uint8)
        small = self._plate(cv2.cvtColor(working, cv2.COLOR_RGB2BGR), share)
        hidden, sure = (cv2.resize(cut(plane, box.near), box.size_px, interpolation=cv2.INTER_LINEAR)
                        for plane in (small, share))
        own = cv2.cvtColor(cut(frame, box.full), cv2.COLOR_BGRA2BGR)
        cut(self._picture, box.full)[:] = cv2.blendLinear(own, hidden, sure, 1.0 - sure)
        return self._picture
