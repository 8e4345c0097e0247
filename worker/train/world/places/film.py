# SPDX-License-Identifier: Apache-2.0
"""What all painters share: noise, drawing, lenses and development. Numpy and OpenCV only.

Called by the painters of this folder. Pictures are f32 [HEIGHT_PX, WIDTH_PX, 3] RGB in LINEAR light, lamps may be
far above 1; `develop` makes the picture that is shown. Invariant: the same generator gives the same picture.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 1280, 720
ASPECT = WIDTH_PX / HEIGHT_PX
_FINE = 2  # masks are drawn so much larger and averaged: antialiased


def linear(red: float, green: float, blue: float) -> np.ndarray:
    """An sRGB colour 0..1 in linear light."""
    return np.float32([red, green, blue]) ** np.float32(2.2)


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """A colour by hue in linear light."""
    return linear(*colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def full(color: np.ndarray) -> np.ndarray:
    """A picture of one colour."""
    return np.broadcast_to(np.float32(color), (HEIGHT_PX, WIDTH_PX, 3)).copy()


def places() -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel: x -ASPECT..ASPECT, y -1 (top) .. 1."""
    x = ((np.arange(WIDTH_PX, dtype=np.float32) + 0.5) / WIDTH_PX * 2 - 1) * np.float32(ASPECT)
    y = (np.arange(HEIGHT_PX, dtype=np.float32) + 0.5) / HEIGHT_PX * 2 - 1
    return np.meshgrid(x, y)


def ramp(values: np.ndarray, stops: list[tuple[float, np.ndarray]]) -> np.ndarray:
    """Colours [H,W,3] of values [H,W] between stops (value, colour)."""
    at = [stop[0] for stop in stops]
    planes = [np.interp(values, at, [stop[1][channel] for stop in stops]) for channel in range(3)]
    return np.stack(planes, 2).astype(np.float32)


def smooth(low: float, high: float, values: np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, smooth between (also with low > high)."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def mix(picture: np.ndarray, other: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """picture towards other by a share [H,W]."""
    share = share[..., None] if isinstance(share, np.ndarray) else np.float32(share)
    return picture + share * (np.float32(other) - picture)


class Noise:
    """Smooth fractal noise that joins itself, looked up anywhere: about 0..1, mean 0.5."""

    def __init__(self, rng: np.random.Generator, octaves: int = 6, roughness: float = 0.52, first: int = 4):
        side = 1024
        total = np.zeros((side, side), np.float32)
        for octave in range(octaves):
            cells = first * 2**octave
            grid = rng.random((cells, cells), np.float32)
            grid = np.pad(grid, 3, mode="wrap")
            size = side * (cells + 6) // cells
            wide = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
            cut = (size - side) // 2
            total += (wide[cut : cut + side, cut : cut + side] - 0.5) * roughness**octave
        self._field = np.clip(0.5 + total / (4.2 * total.std()), 0.0, 1.0)

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Noise at places; the whole field covers one unit."""
        maps = [np.mod(part, 1.0).astype(np.float32) * 1024 for part in np.broadcast_arrays(x, y)]
        return cv2.remap(self._field, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def drawn(draw: Callable[[np.ndarray, float], None]) -> np.ndarray:
    """A mask f32 [H,W] 0..1: draw(canvas u8, pixels a picture pixel) paints 255 on a larger canvas."""
    canvas = np.zeros((HEIGHT_PX * _FINE, WIDTH_PX * _FINE), np.uint8)
    draw(canvas, float(_FINE))
    small = cv2.resize(canvas, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255.0


def polygon(points: np.ndarray) -> np.ndarray:
    """The mask of a polygon, points [N,2] in px."""
    return drawn(lambda canvas, unit: cv2.fillPoly(canvas, [np.int32(np.round(np.asarray(points) * unit))], 255))


def blur(picture: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur; wide ones on a smaller picture."""
    if sigma_px < 0.3:
        return picture
    shrink = max(1, int(sigma_px / 6))
    if shrink == 1:
        return cv2.GaussianBlur(picture, (0, 0), sigma_px)
    size = (picture.shape[1] // shrink, picture.shape[0] // shrink)
    small = cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), sigma_px / shrink)
    return cv2.resize(small, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC)


def defocus(picture: np.ndarray, radius_px: float, blades: int = 0) -> np.ndarray:
    """The picture out of focus: every point becomes a disc (or a polygon of so many blades), a little brighter at its
    rim."""
    if radius_px < 0.6:
        return picture
    reach = int(np.ceil(radius_px)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    far = np.hypot(x, y)
    if blades:
        turn = np.mod(np.arctan2(y, x) + 0.3, 2 * np.pi / blades) - np.pi / blades
        far = far * np.cos(turn) / np.cos(np.pi / blades) * 0.96
    kernel = np.clip(radius_px - far + 0.5, 0, 1) * (0.8 + 0.35 * np.square(far / radius_px))
    kernel = np.float32(kernel / kernel.sum())
    return cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT)


def glow(picture: np.ndarray, above: float, strength: float, sigmas_px: tuple[float, ...] = (6, 24, 70)) -> np.ndarray:
    """Light scattered in the lens around what is brighter than `above`."""
    bright = np.minimum(np.maximum(picture - np.float32(above), 0.0), 12.0)
    return picture + sum(blur(bright, sigma) for sigma in sigmas_px) * np.float32(strength / len(sigmas_px))


def lights(
    rng: np.random.Generator,
    count: int,
    place: Callable[[], tuple[float, float]],
    colors: list[np.ndarray],
    level: tuple[float, float],
) -> np.ndarray:
    """Single points of light to be defocused, a picture; place() gives px."""
    out = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    for _ in range(count):
        x, y = (int(v) for v in place())
        if 0 <= x < WIDTH_PX and 0 <= y < HEIGHT_PX:
            strength = np.exp(rng.uniform(np.log(level[0]), np.log(level[1])))
            out[y, x] += colors[rng.integers(len(colors))] * np.float32(strength)
    return out


def vignette(picture: np.ndarray, depth: float) -> np.ndarray:
    x, y = places()
    return picture * (1.0 - depth * smooth(0.5, 2.1, np.hypot(x, y)))[..., None]


def develop(picture: np.ndarray, exposure: float = 1.0, seed: int = 0) -> np.ndarray:
    """u8 [H,W,3] RGB: a soft shoulder for highlights that bleed towards white, sRGB, and dither against bands."""
    light = np.maximum(picture * np.float32(exposure), 0.0)
    top = light.max(axis=2, keepdims=True)
    light = light + np.maximum(top - 1.0, 0.0) * np.float32(0.16)  # very bright colours go towards white
    shown = (1.0 - np.exp(-1.25 * light)) / np.float32(1.0 - np.exp(-1.25 * 3.0))
    srgb = np.clip(shown, 0.0, 1.0) ** np.float32(1 / 2.2) * 255.0
    noise = np.random.default_rng(seed).random((*srgb.shape[:2], 2), np.float32)
    return np.clip(srgb + (noise[..., :1] - noise[..., 1:]) * 0.7 + 0.5, 0, 255).astype(np.uint8)
