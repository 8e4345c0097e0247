# SPDX-License-Identifier: Apache-2.0
"""What the source's clothes look like beyond dyes and patterns: photographs as cloth, badges, straps, seams; and uneven
light. Called by compose.py on loader threads. Pure numpy/OpenCV. Invariant: a print lies on the body's surface, so it
moves with the body as real cloth does."""
from __future__ import annotations

import colorsys

import cv2
import numpy as np

PRINT_PX = 192
LEFT_M, TOP_M, SIDE_M = -0.5, 0.62, 1.0  # the square of canonical x and z that a print covers


def sample_print(rng: np.random.Generator, photos: np.ndarray) -> np.ndarray | None:
    """A print f32 [n,n,4] RGB 0..1 and how much it covers the cloth, or None for clothes without one."""
    if rng.random() < 0.4:
        return None
    out = np.zeros((PRINT_PX, PRINT_PX, 4), np.float32)
    if rng.random() < 0.6:
        photo = np.asarray(photos[int(rng.integers(len(photos)))])
        row, column = int(rng.integers(0, 100)), int(rng.integers(0, 180))
        patch = cv2.resize(photo[row : row + 112, column : column + 192], (PRINT_PX, PRINT_PX))
        out[..., :3], out[..., 3] = patch.astype(np.float32) / 255.0, rng.uniform(0.3, 1.0)
    for _ in range(int(rng.integers(0, 7))):
        _draw_mark(rng, out)
    return out


def _draw_mark(rng: np.random.Generator, out: np.ndarray) -> None:
    """A badge, a strap or a seam in any colour."""
    color = (*colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 1), rng.uniform(0.03, 1)), float(rng.uniform(0.7, 1)))
    color = tuple(float(part) for part in color)
    x, y = (int(place) for place in rng.uniform(0.1, 0.9, 2) * PRINT_PX)
    kind = rng.random()
    if kind < 0.35:
        size = tuple(int(part) for part in rng.uniform(3, 22, 2))
        cv2.ellipse(out, (x, y), size, float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
    elif kind < 0.6:
        width, height = (int(part) for part in rng.uniform(5, 50, 2))
        cv2.rectangle(out, (x, y), (x + width, y + height), color, -1)
    else:
        end = (x + int(rng.normal(0, 60)), y + int(rng.normal(0, 90)))
        cv2.line(out, (x, y), end, color, int(rng.integers(1, 9)), cv2.LINE_AA)


def printed(cloth: np.ndarray, print_rgba: np.ndarray | None, xz: np.ndarray) -> np.ndarray:
    """cloth albedo f32 [H,W,3] with the print on it; xz f32 [H,W,2] canonical metres."""
    if print_rgba is None:
        return cloth
    columns = (xz[..., 0] - LEFT_M) * (PRINT_PX / SIDE_M)
    rows = (TOP_M - xz[..., 1]) * (PRINT_PX / SIDE_M)
    found = cv2.remap(print_rgba, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return cloth + found[..., 3:] * (found[..., :3] - cloth)


def sample_light_field(rng: np.random.Generator, size_px: tuple[int, int]) -> np.ndarray | None:
    """Smooth gains f32 [H,W,3] of uneven light over the picture (a window, a lamp, a shadow), or None."""
    if rng.random() < 0.5:
        return None
    level = rng.normal(0, rng.uniform(0.1, 0.45), (3, 4, 1)) + rng.normal(0, 0.08, (3, 4, 3))
    field = cv2.resize(np.exp(level).astype(np.float32), size_px, interpolation=cv2.INTER_CUBIC)
    return np.clip(field, 0.25, 2.2)
