# SPDX-License-Identifier: Apache-2.0
"""The patterns' tiles: what share of each palette colour lies where. Numpy and OpenCV only.

Called by cloth.py, once a pattern. Invariant: a tile joins itself on all sides, its shares sum to one, and nothing
here depends on a colour, so one tile serves every cloth of the pattern.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

TEXEL_M = 0.0005
_DRAWN = 2  # drawn so much larger, then averaged: antialiased edges


@lru_cache(maxsize=8)
def tile(pattern: str) -> tuple[np.ndarray, float]:
    """(u8 [n,n,K] shares of the palette, side in metres) at TEXEL_M a texel. y grows with z."""
    draw, side_m = {"stripes": (_stripes, 0.40), "check": (_check, 0.36), "dots": (_dots, 0.42),
                    "camouflage": (_camouflage, 0.48), "floral": (_floral, 0.40)}[pattern]
    shares = draw(round(side_m / TEXEL_M), side_m)
    return np.clip(shares * 255.0 + 0.5, 0, 255).astype(np.uint8), side_m


def palette(pattern: str, main: tuple, second: tuple) -> list[np.ndarray]:
    """The colours whose shares a tile gives, [K] of RGB 0..1."""
    main, second = np.asarray(main, float), np.asarray(second, float)
    if pattern == "camouflage":
        return [main, main * 0.52, second, main * 0.2 + 0.015]
    if pattern == "floral":
        dark_ground = float(main.mean()) < 0.3
        leaf = main * 0.35 + (np.array([0.16, 0.34, 0.18]) if dark_ground else np.array([0.04, 0.22, 0.08]))
        return [main, leaf, second, second * 0.72 + 0.06, np.array([0.96, 0.80, 0.30])]
    return [main, second]


def _grid(side: int, side_m: float) -> tuple[np.ndarray, np.ndarray]:
    """x and z in metres of the texels' middles."""
    along = (np.arange(side) + 0.5) * (side_m / side)
    return np.meshgrid(along, along)


def _two(second: np.ndarray) -> np.ndarray:
    return np.stack([1.0 - second, second], 2)


def _band(place: np.ndarray, share: float) -> np.ndarray:
    """1 in the middle `share` of every period of `place`, 0 elsewhere."""
    return (np.abs(place % 1.0 - 0.5) < share / 2).astype(np.float64)


def _stripes(side: int, side_m: float) -> np.ndarray:
    _, z = _grid(side, side_m)
    return _two(_band(z / 0.05, 0.44))


def _check(side: int, side_m: float) -> np.ndarray:
    """Gingham: two sets of stripes, half a share each."""
    x, z = _grid(side, side_m)
    return _two(0.5 * _band(x / 0.06, 0.5) + 0.5 * _band(z / 0.06, 0.5))


def _dots(side: int, side_m: float) -> np.ndarray:
    x, z = _grid(side, side_m)
    row = np.floor(z / 0.042)
    across = (x / 0.042 + 0.5 * (row % 2)) % 1.0 - 0.5
    return _two((np.hypot(across, (z / 0.042) % 1.0 - 0.5) < 0.29).astype(np.float64))


def _blobs(rng: np.random.Generator, side: int, size_texels: tuple[float, float]) -> np.ndarray:
    """Smooth noise that joins itself, ranked to 0..1 evenly; features of size_texels (x, z)."""
    white = np.fft.rfft2(rng.standard_normal((side, side)))
    fz, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    body = np.exp(-2 * np.pi**2 * ((fx * size_texels[0]) ** 2 + (fz * size_texels[1]) ** 2))
    ragged = np.exp(-2 * np.pi**2 * ((fx * size_texels[0] / 3) ** 2 + (fz * size_texels[1] / 3) ** 2))
    noise = np.fft.irfft2(white * body, (side, side))
    rough = np.fft.irfft2(white * ragged, (side, side))
    noise = noise / noise.std() + 0.45 * rough / rough.std()
    levels = np.quantile(noise, np.linspace(0, 1, 257))
    return np.interp(noise, levels, np.linspace(0, 1, 257))


def _camouflage(side: int, side_m: float) -> np.ndarray:
    """Four tones in overlapping blobs, wider than high."""
    rng = np.random.default_rng(4)
    small = side // 2  # blobs are coarse: half the texels are enough
    metre = small / side_m
    owner = np.zeros((small, small), np.int32)
    for tone, share, size_m in ((1, 0.32, (0.026, 0.014)), (2, 0.24, (0.022, 0.012)), (3, 0.16, (0.018, 0.009))):
        owner[_blobs(rng, small, (size_m[0] * metre, size_m[1] * metre)) > 1.0 - share] = tone
    shares = np.stack([(owner == tone).astype(np.float32) for tone in range(4)], 2)
    return cv2.resize(shares, (side, side))


def _floral(side: int, side_m: float) -> np.ndarray:
    """Scattered five-petalled flowers, big and small, with leaves; drawn as numbered areas, then averaged."""
    rng = np.random.default_rng(11)
    drawn = side * _DRAWN
    owner = np.zeros((drawn, drawn), np.uint8)
    unit = drawn / side_m
    for x, z, radius_m in _scatter(rng, side_m):
        for shift_x in (-drawn, 0, drawn):
            for shift_z in (-drawn, 0, drawn):
                center = np.array([x * unit + shift_x, z * unit + shift_z])
                if (np.abs(center - drawn / 2) < drawn / 2 + 3 * radius_m * unit).all():
                    _flower(owner, np.random.default_rng(int(x * 1e6)), center, radius_m * unit)
    shares = [cv2.resize((owner == number).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
              for number in range(5)]
    return np.stack(shares, 2)


def _scatter(rng: np.random.Generator, side_m: float) -> list[tuple[float, float, float]]:
    """Places (x, z, radius) of flowers that keep their distance, also across the tile's edges."""
    placed: list[tuple[float, float, float]] = []
    for radius_m, wanted in ((0.026, 13), (0.017, 22), (0.009, 40)):
        found, tries = 0, 0
        while found < wanted and tries < 3000:
            tries += 1
            x, z = rng.uniform(0, side_m, 2)
            gaps = [np.hypot(*((np.array([x - a, z - b]) + side_m / 2) % side_m - side_m / 2)) - 1.18 * (r + radius_m)
                    for a, b, r in placed]
            if not gaps or min(gaps) > 0:
                placed.append((float(x), float(z), radius_m))
                found += 1
    return placed


def _flower(owner: np.ndarray, rng: np.random.Generator, center: np.ndarray, radius: float) -> None:
    """One flower: leaves behind, petals of two tones, a yellow middle; tiny ones are a few petals only."""
    turn = rng.uniform(0, 2 * np.pi)
    for leaf in range(3 if radius > 20 else 1):
        angle = turn + 0.63 + leaf * 2.2
        tip = center + 1.02 * radius * np.array([np.cos(angle), np.sin(angle)])
        _ellipse(owner, tip, (0.46 * radius, 0.19 * radius), angle, 1)
    for tone, size in ((3, 1.0), (2, 0.86)):
        for petal in range(5):
            angle = turn + petal * 2 * np.pi / 5
            middle = center + 0.50 * radius * np.array([np.cos(angle), np.sin(angle)])
            _ellipse(owner, middle, (0.46 * radius * size, 0.30 * radius * size), angle, tone)
    cv2.circle(owner, _px(center), max(2, round(0.2 * radius)), 4, -1)


def _ellipse(owner: np.ndarray, center: np.ndarray, axes: tuple[float, float], angle: float, number: int) -> None:
    size = tuple(max(1, round(axis)) for axis in axes)
    cv2.ellipse(owner, _px(center), size, float(np.degrees(angle)), 0, 360, number, -1)


def _px(point: np.ndarray) -> tuple[int, int]:
    return tuple(int(round(v)) for v in point)
