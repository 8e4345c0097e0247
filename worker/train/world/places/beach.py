# SPDX-License-Identifier: Apache-2.0
"""Beaches: a bright lagoon at noon, and the sea at sunset. See film.py for the units.

Sea, sand and clouds are flat sheets seen in true perspective: noise is looked up where each pixel's ray meets them.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.train.world.places import film
from mirage_lsd.worker.train.world.places.film import HEIGHT_PX, WIDTH_PX, linear


def _sheet(y: np.ndarray, x: np.ndarray, horizon: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """(sideways, away) of the points of a level sheet; on the other side of the horizon far away."""
    away = height / np.maximum((y - horizon) * np.sign(height) if height < 0 else y - horizon, 1e-3)
    away = np.abs(away)
    return x * away, away


def _sky(
    rng: np.random.Generator,
    x: np.ndarray,
    y: np.ndarray,
    horizon: float,
    stops: list,
    lit: np.ndarray,
    shaded: np.ndarray,
    amount: float,
) -> np.ndarray:
    """A clear sky with flat-bottomed clouds that shrink towards the horizon."""
    sky = film.ramp((y + 1) / (horizon + 1), stops)
    side, away = _sheet(-y, x, -horizon, 0.5)
    noise = film.Noise(rng, 7, 0.55)
    at_x, at_y = side * 0.055 + 0.3, away * 0.085
    thick = noise.at(at_x, at_y)
    above = noise.at(at_x, at_y + 0.012)
    cover = film.smooth(0.66 - 0.22 * amount, 0.86 - 0.18 * amount, thick) * film.smooth(9.0, 3.0, away)
    bright = np.clip(0.62 + 5.0 * (thick - above) + 0.3 * (thick - 0.6), 0, 1)
    cloud = shaded + bright[..., None] * (lit - shaded)
    return film.mix(sky, cloud, cover * 0.92)


def _waves(rng: np.random.Generator, side: np.ndarray, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(height, slope towards the viewer) of a rippled sea, calmer far away where ripples are finer than pixels."""
    noise = film.Noise(rng, 8, 0.62, 6)
    calm = 1.0 / (1.0 + 0.055 * away)
    one = noise.at(side * 0.035, away * 0.13) + 0.6 * noise.at(side * 0.11 + 0.4, away * 0.30 + 0.2)
    two = noise.at(side * 0.035, away * 0.13 + 0.004) + 0.6 * noise.at(side * 0.11 + 0.4, away * 0.30 + 0.2092)
    return one / 1.6, (two - one) * 14.0 * calm


def lagoon(rng: np.random.Generator) -> np.ndarray:
    """Noon: turquoise water, a foam line, pale sand, a headland and palm leaves in a corner."""
    x, y = film.places()
    horizon = -0.14
    picture = _sky(
        rng,
        x,
        y,
        horizon,
        [(0.0, linear(0.16, 0.45, 0.84)), (0.6, linear(0.44, 0.72, 0.95)), (1.0, linear(0.80, 0.92, 0.98))],
        linear(1.0, 1.0, 1.0) * 1.2,
        linear(0.70, 0.79, 0.90),
        1.25,
    )
    side, away = _sheet(y, x, horizon, 1.0)
    noise = film.Noise(rng, 7, 0.55)
    _, slope = _waves(rng, side, away)
    shore = 1.62 + 0.40 * (noise.at(side * 0.10, side * 0 + 0.2) - 0.5) - 0.10 * side
    deep = film.smooth(0.0, 5.5, away - shore)
    reef = film.smooth(0.50, 0.70, noise.at(side * 0.05 + 0.5, away * 0.09)) * film.smooth(0.8, 4.0, away - shore)
    water = film.ramp(
        deep,
        [
            (0.0, linear(0.74, 0.92, 0.84)),
            (0.15, linear(0.38, 0.85, 0.82)),
            (0.5, linear(0.10, 0.62, 0.74)),
            (1.0, linear(0.05, 0.38, 0.66)),
        ],
    )
    water = film.mix(water, linear(0.05, 0.36, 0.48), reef * 0.55)
    caustic = 1.0 - np.abs(2 * noise.at(side * 0.30, away * 0.55) - 1)
    water *= (1.0 + 0.22 * film.smooth(0.72, 0.98, caustic) * (1 - deep) + 0.55 * np.clip(slope, -0.5, 0.5))[..., None]
    water = film.mix(water, linear(0.80, 0.92, 0.98), np.clip(0.10 + 0.012 * away + 0.5 * slope, 0, 0.55) * deep)
    ground = _sand(noise, side, away, shore)
    sea = film.mix(ground, water, film.smooth(-0.015, 0.10, away - shore))
    edge = away - shore + 0.10 * (noise.at(side * 0.55, away * 0.8) - 0.5)
    lace = film.smooth(0.44, 0.60, noise.at(side * 0.9 + 0.1, away * 1.6))
    foam = np.exp(-np.square((edge - 0.03) / 0.032)) + 0.75 * lace * np.exp(-np.square((edge - 0.16) / 0.10))
    for out in (0.62, 1.5):
        crest = away - shore - out - 0.25 * (noise.at(side * 0.18 + out, side * 0 + out) - 0.5)
        foam = foam + 0.6 * np.exp(-np.square(crest / 0.05)) * film.smooth(
            0.45, 0.62, noise.at(side * 0.22, away * 0.7 + out)
        )
    sea = film.mix(sea, linear(1.0, 1.0, 1.0) * 1.12, np.clip(foam, 0, 1) * 0.95)
    picture = film.mix(picture, sea, film.smooth(-0.002, 0.002, y - horizon))
    picture = _headland(rng, picture, horizon)
    picture = film.defocus(picture, 1.8)
    picture = _palm_leaves(rng, picture)
    return film.glow(picture, 0.95, 0.18)


def _sand(noise: film.Noise, side: np.ndarray, away: np.ndarray, shore: np.ndarray) -> np.ndarray:
    """Dry sand with ripples, dark and wet along the water."""
    ripple = noise.at(side * 0.55 + 0.3, away * 1.3) - 0.5
    grain = noise.at(side * 2.6, away * 4.2) - 0.5
    sand = linear(0.93, 0.83, 0.67) * (1.0 + 0.30 * ripple + 0.22 * grain)[..., None]
    wet = film.smooth(0.30, 0.03, shore - away)
    return film.mix(sand, linear(0.66, 0.55, 0.42) * (1 + 0.2 * ripple)[..., None], wet * 0.85)


def _headland(rng: np.random.Generator, picture: np.ndarray, horizon: float) -> np.ndarray:
    """A green hill far away on one side."""
    x, y = film.places()
    noise = film.Noise(rng, 7, 0.55)
    ridge = 0.20 * film.smooth(0.35, 1.5, x) + 0.06 * film.smooth(-1.0, -1.7, x)
    top = (
        horizon
        - ridge * (0.7 + 0.8 * noise.at(x * 0.25, x * 0 + 0.4))
        - 0.02 * (noise.at(x * 1.6, x * 0 + 0.7) - 0.5) * (ridge > 0)
    )
    wood = film.ramp(noise.at(x * 1.1, y * 2.2), [(0.3, linear(0.18, 0.34, 0.26)), (0.7, linear(0.38, 0.54, 0.34))])
    wood = film.mix(wood, linear(0.62, 0.78, 0.90), 0.45)
    return film.mix(picture, wood, film.smooth(-0.002, 0.004, y - top) * (y < horizon + 0.004) * (ridge > 0.004))


def _palm_leaves(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Leaves hanging into the upper left corner, near and a little out of focus, sunlit from above."""
    out = picture
    for leaf, angle in enumerate((1.32, 0.95, 0.62, 0.30, 0.02)):
        mask = film.defocus(_leaf(rng, (-70, -60), angle + rng.uniform(-0.05, 0.05), rng.uniform(420, 560)), 2.6)
        shade = linear(0.20, 0.42, 0.10) * (0.55 + 0.16 * leaf)
        out = film.mix(out, film.full(shade), mask)
    return out


def _leaf(rng: np.random.Generator, root: tuple[float, float], angle: float, reach: float) -> np.ndarray:
    """A feathered palm leaf, bending down: a mask."""
    t = np.linspace(0, 1, 34)
    stem = np.stack([root[0] + reach * t * np.cos(angle), root[1] + reach * (t * np.sin(angle) + 0.34 * t * t)], 1)

    def draw(canvas: np.ndarray, unit: float) -> None:
        cv2.polylines(canvas, [np.int32(stem * unit)], False, 255, int(4 * unit))
        for index in range(4, 34):
            along = stem[index] - stem[index - 1]
            along = along / np.hypot(*along)
            long = reach * 0.34 * np.sin(np.pi * min(1.0, 0.16 + t[index] * 0.84)) ** 0.6
            for side in (-1, 1):
                across = np.array([-along[1], along[0]]) * side
                tip = stem[index] + long * (0.55 * across + 0.70 * along + [0, 0.28]) * rng.uniform(0.85, 1.12)
                middle = (stem[index] + tip) / 2 + across * long * 0.06
                wide = along * reach * 0.014
                points = np.stack([stem[index], middle - wide, tip, middle + wide])
                cv2.fillPoly(canvas, [np.int32(points * unit)], 255)

    return film.drawn(draw)


def sunset(rng: np.random.Generator) -> np.ndarray:
    """The sun low over the sea, its path of light on the waves, wet sand in front."""
    x, y = film.places()
    horizon, sun = 0.06, (-0.55, -0.055)
    far = np.hypot(x - sun[0], y - sun[1])
    picture = _sky(
        rng,
        x,
        y,
        horizon,
        [
            (0.0, linear(0.16, 0.20, 0.46)),
            (0.45, linear(0.52, 0.36, 0.58)),
            (0.75, linear(0.93, 0.52, 0.44)),
            (1.0, linear(1.0, 0.72, 0.42)),
        ],
        linear(1.0, 0.62, 0.45),
        linear(0.42, 0.28, 0.46),
        0.85,
    )
    picture += linear(1.0, 0.62, 0.26) * (1.0 * np.exp(-far / 0.32) + 0.35 * np.exp(-far / 0.9))[..., None]
    picture = film.mix(picture, linear(1.0, 0.85, 0.55) * 7.0, film.smooth(0.076, 0.070, far))
    side, away = _sheet(y, x, horizon, 1.0)
    height, slope = _waves(rng, side, away)
    mirror_y = np.clip(2 * horizon - y - 0.9 * slope * (0.15 + (y - horizon)), -1, horizon)
    rows = (mirror_y + 1) / 2 * HEIGHT_PX
    columns = np.broadcast_to(np.arange(WIDTH_PX, dtype=np.float32), rows.shape)
    sky = cv2.remap(
        film.blur(np.minimum(picture, 1.6), 9),
        columns,
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    sea = sky * 0.62 * (0.72 + 0.5 * np.clip(slope + 0.3, 0, 1))[..., None] + linear(0.06, 0.07, 0.16) * 0.6
    spread = 0.055 + 0.30 * (y - horizon)
    path = np.exp(-np.square((x - sun[0]) / spread)) * film.smooth(-0.1, 0.42, slope + 0.35 * (height - 0.5))
    sea += linear(1.0, 0.68, 0.34) * (2.1 * path * np.exp(-0.9 * (y - horizon)))[..., None]
    shore = 1.32 + 0.22 * (film.Noise(rng, 5).at(side * 0.12, side * 0) - 0.5) + 0.05 * side
    noise = film.Noise(rng, 7, 0.55)
    ripple = noise.at(side * 0.6, away * 1.4) - 0.5
    glossy = film.blur(sky, 16) * 0.62 + linear(0.20, 0.13, 0.14) * 0.5
    sand = film.mix(
        linear(0.30, 0.20, 0.17) * (1 + 0.5 * ripple)[..., None],
        glossy,
        0.75 * film.smooth(0.36, 0.02, shore - away) + 0.10,
    )
    sand += (
        linear(1.0, 0.62, 0.30)
        * (0.35 * np.exp(-np.square((x - sun[0]) / 0.42)) * film.smooth(0.3, 0.0, shore - away))[..., None]
    )
    sea = film.mix(sand, sea, film.smooth(-0.01, 0.03, away - shore))
    edge = away - shore + 0.05 * ripple
    foam = np.exp(-np.square((edge - 0.012) / 0.014)) + 0.6 * film.smooth(
        0.50, 0.64, noise.at(side, away * 1.7)
    ) * np.exp(-np.square((edge - 0.07) / 0.045))
    sea = film.mix(sea, linear(1.0, 0.80, 0.70) * 0.85, np.clip(foam, 0, 1) * 0.8)
    picture = film.mix(picture, sea, film.smooth(-0.002, 0.003, y - horizon))
    return film.vignette(film.glow(film.defocus(picture, 1.8), 0.9, 0.35), 0.35)
