# SPDX-License-Identifier: Apache-2.0
"""What a cloth looks like: its colour at every point of the body's surface. Numpy and OpenCV only.

Called by the upscale stage (live), by the training loader (every sample) and by eval (true targets), from any
thread. A surface point is canonical: metres on the unposed body, x to the person's left, z up. A pattern is a
tile of palette shares (cloth_tiles.py), coloured and repeated once per look, then looked up by cv2.remap at the
texel size nearest to a picture pixel, so that it neither shimmers nor blurs.
Invariant: the words alone decide seed 0's look; only other seeds vary scale, angle and second colour.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mirage_lsd.worker.paint import cloth_tiles

Color = tuple[float, float, float]
NEUTRAL = 0.6  # albedo of undyed cloth in the model's edit layer
PATTERNS = ("plain", "stripes", "check", "dots", "camouflage", "floral", "neon trim")
UNTILED = ("plain", "neon trim")
TRIM_X_M = 0.10
HOT = 0.6
_WHITE, _INK, _NAVY = (0.93, 0.93, 0.91), (0.05, 0.05, 0.06), (0.07, 0.10, 0.24)
_REACH_M = (1.7, 2.0)  # x and z the repeated tile covers; beyond it cv2 wraps, only slower
_MIDDLE_Z_M = -0.1
_TEXELS_M = tuple(0.001 * 2 ** (level / 2) for level in range(10))  # 1 mm .. 23 mm


@dataclass(frozen=True)
class Cloth:
    """A dyed cloth. Colours are sRGB 0..1; scale 1 is the usual size of the pattern; angle in radians."""

    pattern: str
    main: Color
    second: Color
    scale: float = 1.0
    angle: float = 0.0

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise ValueError(f"unknown pattern {self.pattern!r}; use one of {', '.join(PATTERNS)}")


def second_color(main: Color, pattern: str) -> Color:
    """The colour that goes with `main`: white on dark, dark on light, black dots on vivid, a glow of its own hue."""
    hue, saturation, value = colorsys.rgb_to_hsv(*main)
    light = float(np.dot(main, (0.299, 0.587, 0.114)))
    vivid = saturation > 0.45 and value > 0.45
    if pattern == "neon trim":
        return colorsys.hsv_to_rgb(hue, max(saturation, 0.8), 1.0) if saturation > 0.3 else (0.1, 0.95, 1.0)
    if pattern == "floral":
        if light > 0.6 and saturation < 0.3:
            return (0.86, 0.30, 0.42)
        return (0.97, 0.95, 0.93) if vivid else (0.93, 0.52, 0.62)
    if pattern == "camouflage":
        return tuple(0.55 * part + 0.45 * pale for part, pale in zip(main, (0.80, 0.78, 0.66), strict=True))
    if pattern == "dots" and vivid and light > 0.22:
        return _INK
    if light > 0.52:
        return _NAVY if saturation < 0.3 else _INK
    return _WHITE


def standard_cloth(pattern: str, main: Color, seed: int = 0) -> Cloth:
    """The cloth of a word and a colour. Seed 0 is the canonical one; others vary scale, angle, second colour."""
    second = second_color(main, pattern)
    if pattern == "neon trim":
        main = tuple(part * min(1.0, 0.16 / max(*main, 1e-3)) for part in main)
    main = tuple(float(part) for part in main)
    if seed == 0 or pattern == "plain":
        return Cloth(pattern, main, second)
    rng = np.random.default_rng((seed, PATTERNS.index(pattern)))
    scale = float(np.exp(rng.uniform(np.log(0.75), np.log(1.4))))
    angle = float(rng.choice((0.0, 0.0, np.pi / 2, rng.uniform(-0.6, 0.6))))
    return Cloth(pattern, main, _other_second(rng, main, second, pattern), scale, angle)


def _other_second(rng: np.random.Generator, main: Color, usual: Color, pattern: str) -> Color:
    """The usual second colour, or another one that reads as well against the main one."""
    if pattern == "camouflage" or rng.random() < 0.5:
        return usual
    choices = [_WHITE, _INK, _NAVY, *(colorsys.hsv_to_rgb(float(rng.random()), 0.75, 0.85) for _ in range(4))]
    if pattern == "neon trim":
        choices = [colorsys.hsv_to_rgb(float(rng.random()), 0.85, 1.0)]
    good = [color for color in choices if _contrast(color, main) > min(0.45, _contrast(usual, main))]
    return tuple(float(part) for part in good[rng.integers(len(good))]) if good else usual


def _contrast(one: Color, other: Color) -> float:
    return abs(float(np.dot(np.subtract(one, other), (0.299, 0.587, 0.114))))


def albedo(cloth: Cloth, xz: np.ndarray, pixel_m: float | None = None) -> np.ndarray:
    """xz f32 [H,W,2] metres -> f32 [H,W,3] RGB 0..1. pixel_m: metres a picture pixel covers, measured if None."""
    if cloth.pattern in UNTILED:
        out = np.empty((*xz.shape[:2], 3), np.float32)
        out[:] = cloth.main
        return out
    rgb = cv2.cvtColor(albedo_u8(cloth, xz, pixel_m), cv2.COLOR_BGR2RGB)
    return np.multiply(rgb, np.float32(1.0 / 255.0), dtype=np.float32)


def albedo_u8(cloth: Cloth, xz: np.ndarray, pixel_m: float | None = None,
              out: np.ndarray | None = None) -> np.ndarray:
    """As albedo, u8 BGR 0..255 as OpenCV's pictures are, for patterns with a tile (not in UNTILED)."""
    if xz.ndim != 3 or xz.shape[2] != 2 or xz.dtype != np.float32:
        raise ValueError(f"xz must be f32 [H,W,2], got {xz.dtype} {xz.shape}")
    sheet, texels_a_metre = _sheet(cloth, texel_level((pixel_m or pixel_size_m(xz)) / cloth.scale))
    turn = np.float64([[np.cos(cloth.angle), np.sin(cloth.angle)], [-np.sin(cloth.angle), np.cos(cloth.angle)]])
    place = turn * (texels_a_metre / cloth.scale)
    middle = np.float64([sheet.shape[1] / 2, sheet.shape[0] / 2]) - 0.5 - place @ (0.0, _MIDDLE_Z_M)
    texels = cv2.transform(xz, np.column_stack([place, middle]))
    whole, part = cv2.convertMaps(texels, None, cv2.CV_16SC2)  # remap itself would take twice as long over floats
    return cv2.remap(sheet, whole, part, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_WRAP)


def pixel_size_m(xz: np.ndarray, inside: np.ndarray | None = None) -> float:
    """Metres of surface that a step to the next place of a field covers: the median over a coarse grid of it.
    inside: bool [H,W], the places that count (all if None). Steps no surface makes do not count."""
    rows = slice(None, None, max(1, xz.shape[0] // 48))
    columns = slice(None, None, max(1, xz.shape[1] // 80))
    step = np.abs(xz[rows, 1:][:, columns] - xz[rows, :-1][:, columns]).sum(2)
    real = (step > 3e-4) & (step < 0.1)
    if inside is not None:
        real &= inside[rows, 1:][:, columns]
    return float(np.median(step[real])) if np.count_nonzero(real) >= 12 else 0.004


def texel_level(pixel_m: float) -> int:
    """Which of the texel sizes fits pixels of this size best."""
    return int(np.argmin(np.abs(np.log(np.divide(_TEXELS_M, 0.85 * max(pixel_m, 1e-4))))))


def emission(cloth: Cloth, xz: np.ndarray, upper: np.ndarray) -> np.ndarray | None:
    """Light that the cloth gives out, to be added to the layer: f32 [H,W,3] RGB 0..1, or None where it gives none.

    xz f32 [H,W,2] metres; upper f32 [H,W] share of the dyed upper garment. Neon trim glows along two lines down the
    chest and along the garment's edge (where `upper` crosses 0.5..0.85), with a soft halo on the cloth.
    """
    if cloth.pattern != "neon trim":
        return None
    glow = glow_of(xz, upper)
    return glow[..., None] * np.float32(cloth.second) + hot(glow)[..., None] * np.float32(HOT)


def glow_of(xz: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """How strongly neon trim glows, f32 [H,W] 0..1; see `emission`."""
    far_m = np.abs(xz[..., 0])
    np.subtract(far_m, np.float32(TRIM_X_M), out=far_m)
    np.abs(far_m, out=far_m)
    halo = cv2.exp(cv2.multiply(far_m, far_m, scale=-1.0 / 0.022**2))
    np.multiply(halo, np.float32(0.3), out=halo)
    core = cv2.addWeighted(far_m, -1.0 / 0.0035, far_m, 0.0, 0.0065 / 0.0035, dst=far_m)
    lines = np.maximum(np.minimum(core, np.float32(1.0), out=core), halo, out=halo)
    np.multiply(lines, _ramp(upper, 2.0, -0.6), out=lines)
    from_edge = np.abs(upper - np.float32(0.675))
    return np.maximum(lines, _ramp(from_edge, -1.6 / 0.26, 1.6), out=lines)


def hot(glow: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The hot middle of a tube, whiter than its glow: f32 [H,W]; times HOT it is added to each colour."""
    return _ramp(glow, 1.6, -0.9, 0.55, out)


def _ramp(x: np.ndarray, slope: float, start: float, top: float = 1.0, out: np.ndarray | None = None) -> np.ndarray:
    out = np.multiply(x, np.float32(slope), out=out)
    np.add(out, np.float32(start), out=out)
    return np.maximum(np.minimum(out, np.float32(top), out=out), np.float32(0.0), out=out)


@lru_cache(maxsize=12)
def _sheet(cloth: Cloth, level: int) -> tuple[np.ndarray, float]:
    """(the coloured tile repeated over the body u8 [h,w,3] BGR, texels a metre)."""
    shares, tile_m = _shares(cloth.pattern, level)
    palette = cloth_tiles.palette(cloth.pattern, cloth.main, cloth.second)
    tile = (np.clip(shares @ np.float32(palette)[:, ::-1], 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    counts = [max(2, 2 * round(reach / tile_m / 2 + 0.25)) for reach in _REACH_M]
    return cv2.repeat(tile, counts[1], counts[0]), tile.shape[0] / tile_m


@lru_cache(maxsize=64)
def _shares(pattern: str, level: int) -> tuple[np.ndarray, float]:
    """A pattern's tile at one texel size: (f32 [n,n,K] shares of its palette, side in metres)."""
    master, tile_m = cloth_tiles.tile(pattern)
    side = max(8, round(tile_m / _TEXELS_M[level]))
    planes = [cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in cv2.split(master)]
    return np.stack(planes, 2) * np.float32(1.0 / 255.0), tile_m
