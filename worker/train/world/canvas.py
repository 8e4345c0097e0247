# SPDX-License-Identifier: Apache-2.0
"""Brushes shared by the painted scenes and rooms: gradients, fractal clouds, blur, colours, bokeh.

Called by scenes.py and backdrops.py. Pictures are f32 [224,384,3] sRGB 0..1.
"""

import colorsys

import cv2
import numpy as np

HEIGHT_PX, WIDTH_PX = 224, 384


def blank(color: tuple | np.ndarray) -> np.ndarray:
    """A flat picture."""
    return np.ones((HEIGHT_PX, WIDTH_PX, 3), np.float32) * np.asarray(color, np.float32)


def gradient(top: tuple | np.ndarray, bottom: tuple | np.ndarray, power: float = 1.0) -> np.ndarray:
    """A vertical gradient from top to bottom."""
    t = (np.linspace(0, 1, HEIGHT_PX, dtype=np.float32) ** power)[:, None, None]
    return (1 - t) * np.asarray(top, np.float32) + t * np.asarray(bottom, np.float32) + blank(0)


def clouds(rng: np.random.Generator, first: int = 3, octaves: int = 5, stretch: float = 1.7) -> np.ndarray:
    """Smooth fractal noise f32 [H,W], about 0..1."""
    total = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    for octave in range(octaves):
        cells = first * 2**octave
        grid = rng.random((cells + 1, int(cells * stretch) + 2), np.float32)
        total += cv2.resize(grid, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) * 0.5 ** (octave + 1)
    return total


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; sigma in px, 0 leaves the picture alone."""
    return picture if sigma <= 0.05 else cv2.GaussianBlur(picture, (0, 0), sigma)


def hue(
    rng: np.random.Generator, centre: float, spread: float, saturation: float, value: float
) -> np.ndarray:
    """A colour near a hue."""
    return np.asarray(
        colorsys.hsv_to_rgb((centre + rng.normal(0, spread)) % 1, saturation, value), np.float32
    )


def lay(picture: np.ndarray, mask: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Blend a colour (or picture) over by a mask f32 [H,W] 0..1."""
    return picture + mask[..., None] * (color - picture)


def lights(
    rng: np.random.Generator, count: int, radius: tuple[float, float], colors: list, rows: tuple
) -> np.ndarray:
    """Out-of-focus light discs to add: f32 [H,W,3]."""
    out = blank(0)
    for _ in range(count):
        disc = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        centre = (int(rng.uniform(0, WIDTH_PX)), int(rng.uniform(*rows) * HEIGHT_PX))
        size = rng.uniform(*radius)
        cv2.circle(disc, centre, max(1, int(size)), 1.0, -1, cv2.LINE_AA)
        box = slice(max(0, centre[1] - 40), centre[1] + 40), slice(max(0, centre[0] - 40), centre[0] + 40)
        out[box] += (
            disc[box][..., None] * np.asarray(colors[rng.integers(len(colors))]) * rng.uniform(0.15, 0.7)
        )
    return out
