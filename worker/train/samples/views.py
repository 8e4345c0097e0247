# SPDX-License-Identifier: Apache-2.0
"""Crop, zoom, tilt and mirror of one training sample, and what is behind the person.

Called by compose.py on loader threads. Pure numpy/OpenCV.

Invariant: a view is the same for all looks and frames of a sample.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CLOSEST = 0.42  # of the rendered picture
FARTHEST, FAR_SHARE = 2.2, 0.1  # of the rendered picture; how often somebody is that small
TILTED_SHARE, MOST_TILTED = 0.15, 0.7  # radians: who kicks a ball or leans in is not upright
MOST_SQUEEZED = 1.07  # across, as a 16:9 picture is that has to fit the working size
COARSEST = 1.6  # layer px a px of the view; what would be coarser is sampled from layers of half the size


@dataclass(frozen=True)
class View:
    """Crop, zoom, tilt and mirror of the person layers: a 2x3 matrix from view to layer px, constant over a clip."""

    size_px: tuple[int, int]
    matrix: np.ndarray
    mirrored: bool

    @property
    def step(self) -> float:
        """Layer px that a px of the view is wide, on average."""
        return float(np.sqrt(np.abs(np.linalg.det(self.matrix[:, :2]))))

    def motion(self, flow: np.ndarray) -> np.ndarray:
        """Flow f32 [...,2] in px of the layer as flow in px of the view."""
        return flow @ np.linalg.inv(self.matrix[:, :2]).T.astype(np.float32)

    def layer(self, picture: np.ndarray, nearest: bool = False, edge: bool = False) -> np.ndarray:
        """The picture in the view; outside it zeros, or with `edge` its border repeated."""
        flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
        return cv2.warpAffine(picture, self.matrix, self.size_px, flags=flags, borderMode=border)

    def person(self, rgba: np.ndarray) -> np.ndarray:
        """A drawn person u8 [H,W,4] in the view, colours at the outline the person's own, and smooth where it shrinks:
        what is not drawn is black, and must not get into the outline."""
        alpha = rgba[..., 3:]
        drawn = cv2.merge([cv2.multiply(rgba[..., :3], cv2.merge([alpha] * 3), scale=1.0 / 255.0), alpha])
        matrix, step = self.matrix.copy(), self.step
        while step > COARSEST:
            step /= 2.0
            drawn = cv2.resize(drawn, (drawn.shape[1] // 2, drawn.shape[0] // 2), interpolation=cv2.INTER_AREA)
            matrix /= 2.0
            matrix[:, 2] -= 0.25  # pixel centres
        out = cv2.warpAffine(drawn, matrix, self.size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        alpha = np.ascontiguousarray(out[..., 3])
        rgb = cv2.divide(out[..., :3], cv2.merge([np.maximum(alpha, 1)] * 3), scale=255.0)
        return cv2.merge([rgb, alpha])


def sample_view(rng: np.random.Generator, size_px: tuple[int, int], layer_px: tuple[int, int],
                closest: float = CLOSEST) -> View:
    """Mostly close to the rendered framing; often zoomed in to the upper part, as webcams are, up to a share `closest`
    of the rendered picture; sometimes far or tilted. Sizes are (width, height): of the view, of the layers."""
    (width, height), (wide, high) = size_px, layer_px
    base = (max if wide / high < width / height else min)(wide / width, high / height)
    scale = base * _zoom(rng, closest)
    across = scale * float(rng.uniform(1.0, MOST_SQUEEZED))
    left = (wide - width * across) * float(rng.uniform(0.25, 0.75))
    spare = high - height * scale
    top = spare * (float(rng.uniform(0.0, 1.0)) if spare > 0 else 1.0)  # keep feet/crop line at the bottom edge
    matrix = np.float32([[across, 0, left], [0, scale, top]])
    if rng.random() < TILTED_SHARE:
        matrix = tilted(matrix, float(rng.uniform(-MOST_TILTED, MOST_TILTED)), size_px)
    mirrored = rng.random() < 0.5
    if mirrored:
        matrix[:, 2] += matrix[:, 0] * (width - 1)
        matrix[:, 0] *= -1.0
    return View(size_px, matrix, bool(mirrored))


def _zoom(rng: np.random.Generator, closest: float) -> float:
    near = rng.random()
    if near < FAR_SHARE:
        return float(rng.uniform(1.15, FARTHEST))
    return float(rng.uniform(closest, 1.0)) if near < 0.75 else float(rng.uniform(1.0, 1.15))


def tilted(matrix: np.ndarray, angle: float, size_px: tuple[int, int]) -> np.ndarray:
    """The view 2x3 turned by an angle (radians) about its middle."""
    turn = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.float32(size_px) / 2.0
    return np.column_stack([matrix[:, :2] @ turn, matrix[:, 2] + matrix[:, :2] @ (middle - turn @ middle)])


class Backdrop:
    """drift: pixels a frame, f64 [2]."""

    def __init__(self, backgrounds: np.ndarray, rng: np.random.Generator, size_px: tuple[int, int]):
        self._size_px = size_px
        self._picture = np.asarray(backgrounds[int(rng.integers(len(backgrounds)))])
        if rng.random() < 0.5:
            self._picture = self._picture[:, ::-1]
        if rng.random() < 0.25:
            self._picture = cv2.GaussianBlur(np.ascontiguousarray(self._picture), (0, 0), float(rng.uniform(1, 4)))
        self.drift = rng.normal(0, 1.0, 2) if rng.random() < 0.4 else np.zeros(2)
        width, height = size_px
        self._zoom = float(rng.uniform(0.75, 1.0)) * min(384 / width, 224 / height) * 0.9
        self._corner = rng.uniform(0, 1, 2) * (384 - width * self._zoom, 224 - height * self._zoom)

    def at(self, t: int) -> np.ndarray:
        """u8 [H,W,3] in frame t."""
        left, top = self._corner - self.drift * t * self._zoom
        matrix = np.float32([[self._zoom, 0, left], [0, self._zoom, top]])
        return cv2.warpAffine(self._picture, matrix, self._size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                              borderMode=cv2.BORDER_REFLECT)
