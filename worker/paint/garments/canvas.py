# SPDX-License-Identifier: Apache-2.0
"""What garments are drawn with: seams, raised panels and decals on a sheet of the body's front, in metres.

Called once a garment, from any thread. Points are (x, z): x to the person's left, z up. Invariant: shade is the
logarithm of a factor in steps of 1/128 of an octave, 0 where nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

TEXEL_M = 0.0015
X_M, Z_M = (-0.36, 0.36), (-0.15, 0.62)
WIDTH_PX, HEIGHT_PX = round((X_M[1] - X_M[0]) / TEXEL_M), round((Z_M[1] - Z_M[0]) / TEXEL_M)
SHIFT = 4  # of OpenCV's fixed point
Point = tuple[float, float]
Color = tuple[float, float, float]
Window = tuple[slice, slice]  # rows and columns of the sheet
ALL: Window = np.s_[0:HEIGHT_PX, 0:WIDTH_PX]
ROUND_M = 0.012  # around what is drawn: lines' and blurs' own reach


class Canvas:
    """shade f32 [h,w]; decal f32 [h,w,4]: BGR times alpha, alpha, 0..1; cut f32 [h,w]: 1 garment, 0 what is worn
    under it; decided f32 [h,w] 0..1: how far `cut` is to be followed. light, dark: whether the
    cloth is."""

    def __init__(self, luma: float) -> None:
        self.shade = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        self.decal = np.zeros((HEIGHT_PX, WIDTH_PX, 4), np.float32)
        self.cut = np.ones((HEIGHT_PX, WIDTH_PX), np.float32)
        self.decided = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        self.light, self.dark = luma > 0.62, luma < 0.16

    def seam(self, points: Iterable[Point], depth: float = 30.0, width_m: float = 0.003) -> None:
        """A seam: a dark line with a light ridge below it."""
        points = list(points)
        there = window(points, 3.0 * width_m + ROUND_M)
        line, shade = soft_lines([points], width_m, there), self.shade[there]
        shade -= 0.75 * depth * line
        shade += 0.35 * depth * moved(cv2.blur(line, (3, 3)), 0.0015, -1.5 * width_m)

    def stitches(self, points: list[Point], depth: float = 24.0) -> None:
        """A dashed line."""
        path = resampled(points, 0.004)
        dashes = self.dashes(list(zip(path[::2], path[1::2], strict=False)), 0.0018)
        self.shade += (depth if self.dark else -depth) * dashes

    def panel(self, points: Iterable[Point], rise: float = 1.0, shadow: float = 60.0) -> np.ndarray:
        """A flap that lies on top: an outline, a shadow below it, a light edge; covers decals. -> f32 [h,w] 0..1"""
        whole, points = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32), list(points)
        there = window(points, 0.04 * rise + ROUND_M)
        whole[there] = inside = filled(points, there)
        below = moved(blurred(inside, 0.008 * rise), 0.0, -0.007 * rise) * (1.0 - inside)
        rim = np.clip(inside - cv2.erode(inside, np.ones((3, 3))), 0.0, 1.0)
        lip = np.clip(inside - moved(blurred(inside, 0.003), 0.0, 0.004), 0.0, 1.0)
        self.shade[there] *= 1.0 - 0.9 * inside
        self.decal[there] *= (1.0 - inside)[..., None]
        np.maximum(self.cut[there], inside, out=self.cut[there])
        self.shade[there] += 16.0 * lip - 20.0 * rim - 0.6 * shadow * below + 4.0 * rise * inside
        return whole

    def opening(self, points: Iterable[Point], around: Iterable[Point], color: Color | None = None) -> np.ndarray:
        """Where what is worn under the garment shows, in a colour RGB 0..1 and in the shadow of the garment, or bare
        skin; `around`: the part of the body in which the drawing, not the nets, says so. -> f32 [h,w] 0..1"""
        inside = filled(points)
        self.cut *= 1.0 - inside
        self.decided = np.maximum(self.decided, blurred(filled(around), 0.003))
        if color is not None:
            self.paint(inside, color)
            self.shade -= 45.0 * inside * blurred(1.0 - inside, 0.008)
        return inside

    def paint(self, inside: np.ndarray, color: Color) -> None:
        """A colour RGB 0..1 where inside f32 [h,w] 0..1."""
        left, top, wide, high = cv2.boundingRect((inside > 0.0).astype(np.uint8))
        self._paint(inside[top : top + high, left : left + wide], color, np.s_[top : top + high, left : left + wide])

    def _paint(self, inside: np.ndarray, color: Color, there: Window) -> None:
        self.decal[there] *= (1.0 - inside)[..., None]
        self.decal[there] += inside[..., None] * np.float32([*color[::-1], 1.0])

    def button(self, at: Point, color: Color, radius_m: float = 0.0055) -> None:
        """A button with its shadow, rim and gloss."""
        (x, z), there = at, window([at], 1.35 * radius_m + ROUND_M)
        self.shade[there] -= 45.0 * blurred(disc((x, z - 0.002), radius_m * 1.35, there), 0.0015)
        self._paint(disc(at, radius_m, there), tuple(0.72 * part for part in color), there)
        self._paint(disc((x, z + 0.0006), radius_m * 0.72, there), color, there)

    def line(self, points: Iterable[Point], width_m: float) -> np.ndarray:
        """f32 [h,w] 0..1: a soft line."""
        return self.dashes([list(points)], width_m)

    def dashes(self, lines: list, width_m: float) -> np.ndarray:
        """f32 [h,w] 0..1: soft lines, each a list of points."""
        whole = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        there = window([point for points in lines for point in points], width_m + ROUND_M)
        whole[there] = soft_lines(lines, width_m, there)
        return whole


def window(points: list[Point], beside_m: float) -> Window:
    """The part of the sheet that has all points, and so much around them."""
    place = texels(points).reshape(-1, 2) / 2**SHIFT
    low, high = place.min(0) - beside_m / TEXEL_M, place.max(0) + beside_m / TEXEL_M
    (left, top), (right, bottom) = (np.clip(np.rint(end).astype(int), 0, (WIDTH_PX, HEIGHT_PX)) for end in (low, high))
    return np.s_[top:bottom, left:right]


def soft_lines(lines: list, width_m: float, there: Window = ALL) -> np.ndarray:
    """f32 0..1 of a window: lines, each a list of points."""
    thick = max(1, round(width_m / TEXEL_M))
    plane = empty(there)
    cv2.polylines(plane, [texels(points, there) for points in lines], False, 255, thick, cv2.LINE_AA, SHIFT)
    return cv2.GaussianBlur(plane, (3, 3), 0.6).astype(np.float32) / np.float32(255.0)


def filled(points: Iterable[Point], there: Window = ALL) -> np.ndarray:
    """f32 0..1 of a window: a polygon."""
    plane = empty(there)
    cv2.fillPoly(plane, [texels(points, there)], 255, cv2.LINE_AA, SHIFT)
    return plane.astype(np.float32) / np.float32(255.0)


def disc(at: Point, radius_m: float, there: Window = ALL) -> np.ndarray:
    """f32 0..1 of a window."""
    plane = empty(there)
    place = tuple(int(part) for part in texels([at], there)[0])
    cv2.circle(plane, place, round(radius_m / TEXEL_M * 2**SHIFT), 255, -1, cv2.LINE_AA, SHIFT)
    return plane.astype(np.float32) / np.float32(255.0)


def empty(there: Window) -> np.ndarray:
    """u8 of a window's size."""
    return np.zeros((there[0].stop - there[0].start, there[1].stop - there[1].start), np.uint8)


def texels(points: Iterable[Point], there: Window = ALL) -> np.ndarray:
    """Points in a window in OpenCV's fixed point, int32 [n,2]."""
    place = np.float64(list(points))
    across, down = (place[:, 0] - X_M[0]) / TEXEL_M - 0.5, (Z_M[1] - place[:, 1]) / TEXEL_M - 0.5
    fixed = np.rint(np.stack([across, down], 1) * 2**SHIFT).astype(np.int32)
    return fixed - np.int32([there[1].start, there[0].start]) * 2**SHIFT


def blurred(plane: np.ndarray, sigma_m: float) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), sigma_m / TEXEL_M)


def moved(plane: np.ndarray, x_m: float, z_m: float) -> np.ndarray:
    place = np.float32([[1, 0, x_m / TEXEL_M], [0, 1, -z_m / TEXEL_M]])
    return cv2.warpAffine(plane, place, plane.shape[::-1])


def mirrored(points: Iterable[Point]) -> list[Point]:
    """The same on the person's other side."""
    return [(-x, z) for x, z in points]


def arc(middle: Point, half_m: Point, first: float, last: float) -> list[Point]:
    """Part of an ellipse, from one angle in degrees to another; 0 is to the person's left, -90 down."""
    angle = np.radians(np.linspace(first, last, 40))
    return list(zip(middle[0] + half_m[0] * np.cos(angle), middle[1] + half_m[1] * np.sin(angle), strict=True))


def curve(first: Point, towards: Point, last: Point) -> list[Point]:
    """A quadratic Bezier curve."""
    t = np.linspace(0.0, 1.0, 24)[:, None]
    place = (1 - t) ** 2 * np.float64(first) + 2 * t * (1 - t) * np.float64(towards) + t**2 * np.float64(last)
    return [tuple(point) for point in place]


def resampled(points: list[Point], step_m: float) -> list[Point]:
    """Points on a line, step_m apart."""
    place = np.float64(points)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(place, axis=0).T))])
    wanted = np.arange(0.0, along[-1], step_m)
    return list(zip(*(np.interp(wanted, along, place[:, axis]) for axis in (0, 1)), strict=True))
