# SPDX-License-Identifier: Apache-2.0
"""City at night: a skyline over water, and a street in bokeh. See film.py for the units."""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.train.world.places import film
from mirage_lsd.worker.train.world.places.film import HEIGHT_PX, WIDTH_PX, linear

WARM, COOL = linear(1.0, 0.78, 0.48), linear(0.72, 0.86, 1.0)
SIGNS = [
    linear(1.0, 0.15, 0.55),
    linear(0.1, 0.85, 1.0),
    linear(1.0, 0.45, 0.1),
    linear(0.6, 0.2, 1.0),
    linear(1.0, 0.1, 0.15),
]


def skyline(rng: np.random.Generator) -> np.ndarray:
    """Towers behind a bay after sunset, their lights in the water."""
    x, y = film.places()
    shore = 0.34
    sky = film.ramp(
        y,
        [
            (-1.0, linear(0.02, 0.04, 0.13)),
            (-0.3, linear(0.08, 0.08, 0.24)),
            (0.12, linear(0.34, 0.16, 0.36)),
            (shore, linear(0.86, 0.42, 0.36)),
        ],
    )
    noise = film.Noise(rng)
    cloud = film.smooth(0.5, 0.78, noise.at(x * 0.22, y * 0.9 + 0.3)) * film.smooth(-1.0, 0.1, y)
    picture = film.mix(sky, sky * 1.7 + linear(0.2, 0.08, 0.14) * 0.5, cloud * 0.7)
    row = int((shore + 1) / 2 * HEIGHT_PX)
    for depth in range(4):
        haze = film.mix(np.float32([[linear(0.50, 0.25, 0.38)]]), linear(0.035, 0.04, 0.085), depth / 3)[0, 0]
        tower = _towers(rng, picture, row, haze, depth)
        picture = film.blur(tower, 0.9) if depth < 3 else tower
    picture = _water(rng, picture, row)
    picture = film.defocus(picture, 2.2)
    picture = film.glow(picture, 0.7, 0.30)
    near = film.lights(
        rng, 110, lambda: (rng.uniform(0, WIDTH_PX), rng.normal(row + 1, 4)), [WARM, WARM, *SIGNS[:3]], (12, 60)
    )
    picture += film.defocus(near, 3.5)
    return film.vignette(picture, 0.45)


def _towers(rng: np.random.Generator, picture: np.ndarray, row: int, haze: np.ndarray, depth: int) -> np.ndarray:
    """One row of buildings, standing at a picture row."""
    picture = picture.copy()
    x = -30.0
    while x < WIDTH_PX:
        wide = rng.uniform(34, 74) * (0.75 + 0.22 * depth)
        middle = np.exp(-(((x + wide / 2) / WIDTH_PX - 0.5 - 0.12 * (depth - 1.5)) ** 2) / 0.07)
        high = (90 + 330 * middle * rng.uniform(0.35, 1.0) ** 1.4) * (1.0, 0.86, 0.68, 0.42)[depth]
        _tower(rng, picture, (int(x), row, int(wide), int(high)), haze, depth)
        x += wide + rng.choice([0.0, 3.0, rng.uniform(4, 22)])
    return picture


def _tower(
    rng: np.random.Generator, picture: np.ndarray, box: tuple[int, int, int, int], haze: np.ndarray, depth: int
) -> None:
    """One building with lit windows; box: left, foot, width, height."""
    left, foot, wide, high = box
    if left < 0:
        wide, left = wide + left, 0
    wide = min(wide, WIDTH_PX - left)
    if wide < 8 or high < 20:
        return
    top = foot - high
    wall = np.broadcast_to(haze * rng.uniform(0.7, 1.2), (high, wide, 3)).copy()
    wall *= np.linspace(1.0, 0.72, wide, dtype=np.float32)[None, :, None]
    step_x, step_y = int(rng.integers(4, 7)) + depth // 2, int(rng.integers(6, 9)) + depth // 2
    rows, columns = high // step_y, (wide - 4) // step_x
    if rows and columns:
        lit = rng.random((rows, columns)) < rng.uniform(0.12, 0.5)
        lit |= (rng.random((rows, 1)) < 0.07) & (rng.random((rows, columns)) < 0.85)
        level = lit * np.exp(rng.normal(-0.55, 0.6, (rows, columns))) * (0.55 + 0.25 * depth)
        tint = np.where(rng.random((rows, columns, 1)) < rng.uniform(0.5, 0.95), WARM, COOL)
        cell = np.zeros((step_y, step_x), np.float32)
        cell[2 : step_y - 1, 1 : step_x - 1] = 1.0
        panes = np.kron((level[..., None] * tint).transpose(2, 0, 1), cell).transpose(1, 2, 0)
        wall[3 : 3 + panes.shape[0], 2 : 2 + panes.shape[1]][: high - 3] += panes[: high - 3].astype(np.float32)
    picture[max(top, 0) : foot, left : left + wide] = wall[max(0, -top) :]
    if rng.random() < 0.35 and wide > 24:  # a setback and a mast with a red lamp
        inner, up = wide // 4, int(rng.uniform(10, 38))
        picture[max(top - up, 0) : max(top, 0), left + inner : left + wide - inner] = haze * 0.9
        mast = left + wide // 2
        picture[max(top - 2 * up, 0) : max(top - up, 0), mast : mast + 2] = haze * 0.8
        if top - 2 * up > 4:
            picture[top - 2 * up - 2 : top - 2 * up + 1, mast - 1 : mast + 3] = linear(1.0, 0.12, 0.1) * 5
    if rng.random() < 0.18 and depth > 0 and wide > 30:  # a sign
        color = SIGNS[rng.integers(len(SIGNS))] * 2.4
        at = max(top, 0) + int(rng.uniform(6, 24))
        picture[at : at + 5, left + 6 : left + wide - 6] = color


def _water(rng: np.random.Generator, picture: np.ndarray, row: int) -> np.ndarray:
    """Below `row`, the picture above it mirrored in rippled water."""
    depth = HEIGHT_PX - row
    mirror = picture[row - depth : row][::-1].copy()
    mirror = cv2.blur(mirror, (3, 61), borderType=cv2.BORDER_REFLECT) * 0.65 + cv2.blur(mirror, (3, 17)) * 0.35
    down, across = np.mgrid[0:depth, 0:WIDTH_PX].astype(np.float32)
    away = 1.0 / (0.06 + down / depth)
    noise = film.Noise(rng, 7, 0.62)
    ripple = noise.at(across / WIDTH_PX * away * 0.35, away * 0.9) - 0.5
    shift = ripple * (6 + 55 * down / depth)
    moved = cv2.remap(
        mirror,
        across + shift * 0.35,
        np.clip(down + shift, 0, depth - 1),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    shade = (0.62 - 0.30 * down / depth + 0.30 * ripple)[..., None]
    out = picture.copy()
    out[row:] = moved * shade + linear(0.02, 0.03, 0.08) * 0.6
    out[row - 2 : row + 2] *= 0.35
    return out


def street(rng: np.random.Generator) -> np.ndarray:
    """A wet street seen from the middle of it, all lamps and signs out of focus."""
    x, y = film.places()
    horizon = 0.16
    picture = film.ramp(
        np.abs(x), [(0.0, linear(0.20, 0.16, 0.34)), (0.7, linear(0.07, 0.06, 0.15)), (1.8, linear(0.03, 0.03, 0.08))]
    )
    picture *= film.ramp(
        y, [(-1.0, np.float32([0.35] * 3)), (horizon, np.float32([1.5, 1.3, 1.3])), (1.0, np.float32([0.4] * 3))]
    )
    picture += _fronts(rng, horizon)
    for radius_px, points in zip((13.0, 21.0, 34.0), _street_lamps(rng, horizon), strict=True):
        picture += cv2.GaussianBlur(film.defocus(points, radius_px), (0, 0), 1.2)
    picture = _wet_road(rng, picture, horizon)
    picture = film.glow(picture, 0.55, 0.35)
    return film.vignette(picture, 0.4)


def _to_px(x: float, y: float) -> tuple[float, float]:
    return (x / film.ASPECT + 1) / 2 * WIDTH_PX, (y + 1) / 2 * HEIGHT_PX


def _fronts(rng: np.random.Generator, horizon: float) -> np.ndarray:
    """House fronts on both sides in perspective: lit windows and signs, far out of focus."""
    out = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    for side in (-1, 1):
        far = 1.2
        while far < 16:
            deep = rng.uniform(0.5, 1.1)
            kind = rng.random()
            color = SIGNS[rng.integers(len(SIGNS))] * 1.3 if kind < 0.4 else WARM * 0.8 if kind < 0.85 else COOL * 0.7
            bottom = rng.uniform(-0.2, 1.6) if kind < 0.6 else -0.55
            high = rng.uniform(0.2, 0.7) if kind < 0.4 else rng.uniform(0.25, 0.5)
            corners = [
                (side * 1.7 / z, horizon - h / z)
                for z, h in ((far, bottom), (far + deep, bottom), (far + deep, bottom + high), (far, bottom + high))
            ]
            mask = film.polygon(np.array([_to_px(*corner) for corner in corners]))
            out += mask[..., None] * color * np.float32(rng.uniform(0.3, 1.1))
            far += rng.uniform(0.25, 0.9)
    return film.defocus(film.defocus(out, 14.0), 8.0)


def _street_lamps(rng: np.random.Generator, horizon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of light: far ones (lamps, cars, windows), nearer ones and near ones."""
    far, near, nearest = (np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32) for _ in range(3))

    def put(target: np.ndarray, x: float, y: float, color: np.ndarray, level: float) -> None:
        column, row = (int(v) for v in _to_px(x, y))
        if 0 <= column < WIDTH_PX and 0 <= row < HEIGHT_PX:
            target[row, column] += color * np.float32(level)

    for index in range(11):
        z = 1.6 * 1.27**index
        for side in (-1, 1):
            put(near if z < 2.5 else far, side * 1.25 / z, horizon - 1.15 / z, WARM, rng.uniform(420, 760))
    for _ in range(16):
        z = rng.uniform(3.0, 14)
        lane, color = ((-0.45, linear(1, 0.93, 0.8)), (0.42, linear(1, 0.06, 0.05)))[rng.integers(2)]
        for wheel in (-0.13, 0.13):
            put(far, (lane + wheel) / z, horizon + 0.22 / z, color, rng.uniform(260, 520))
    for _ in range(46):
        z = rng.uniform(4, 16)
        put(
            far,
            rng.choice([-1, 1]) * rng.uniform(0.9, 2.0) / z,
            horizon - rng.uniform(-0.1, 1.9) / z,
            SIGNS[rng.integers(len(SIGNS))] if rng.random() < 0.6 else WARM,
            rng.uniform(120, 420),
        )
    for _ in range(170):  # windows and signs of the nearer houses
        z = rng.uniform(1.2, 5.0)
        color = SIGNS[rng.integers(len(SIGNS))] if rng.random() < 0.45 else WARM if rng.random() < 0.7 else COOL
        put(
            far if z > 3 else near,
            rng.choice([-1, 1]) * rng.uniform(1.3, 2.2) / z,
            horizon - rng.uniform(-0.15, 2.2) / z,
            color,
            np.exp(rng.uniform(np.log(30), np.log(420))),
        )
    for _ in range(15):
        put(
            nearest,
            rng.choice([-1, 1]) * rng.uniform(0.75, 1.8),
            rng.uniform(-0.9, 0.45),
            SIGNS[rng.integers(len(SIGNS))] if rng.random() < 0.7 else WARM,
            rng.uniform(250, 1100),
        )
    return far, near, nearest


def _wet_road(rng: np.random.Generator, picture: np.ndarray, horizon: float) -> np.ndarray:
    """The lower part mirrors the upper one in long streaks."""
    row = int((horizon + 0.05 + 1) / 2 * HEIGHT_PX)
    depth = HEIGHT_PX - row
    mirror = picture[max(0, row - depth) : row][::-1]
    mirror = cv2.resize(mirror, (WIDTH_PX, depth))
    streaks = cv2.blur(
        cv2.blur(mirror, (9, 151), borderType=cv2.BORDER_REFLECT), (5, 71), borderType=cv2.BORDER_REFLECT
    )
    down, across = np.mgrid[0:depth, 0:WIDTH_PX].astype(np.float32)
    away = 1.0 / (0.08 + down / depth)
    puddle = film.Noise(rng, 6).at(across / WIDTH_PX * away * 0.2 + 0.3, away * 0.4)
    share = (0.65 + 0.45 * film.smooth(0.38, 0.66, puddle)) * (0.95 - 0.45 * down / depth)
    out = picture.copy()
    blend = film.smooth(0.0, 0.12, down / depth)[..., None]
    wet = streaks * share[..., None] * 1.25 + linear(0.05, 0.05, 0.10) * 0.7
    out[row:] = picture[row:] * (1 - blend) + wet * blend
    return out
