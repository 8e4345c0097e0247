# SPDX-License-Identifier: Apache-2.0
"""Forests: tall trunks in morning mist with sun rays, and a sunny glade behind soft leaves. Units: film.py."""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.train.world.places import film
from mirage_lsd.worker.train.world.places.film import HEIGHT_PX, WIDTH_PX, linear

LAYERS = 6


def mist(rng: np.random.Generator) -> np.ndarray:
    """Trunks in rows that fade into bright mist; the sun behind them, a mossy path."""
    x, y = film.places()
    sun = (0.42, -0.42)
    far = np.hypot(x - sun[0], y - sun[1])
    haze = film.ramp(
        far,
        [
            (0.0, linear(1.0, 0.95, 0.70) * 2.2),
            (0.5, linear(0.98, 0.93, 0.62) * 1.2),
            (1.3, linear(0.60, 0.76, 0.54)),
            (2.4, linear(0.34, 0.54, 0.42)),
        ],
    )
    picture = haze.copy()
    horizon = 0.24
    cover = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    noise = film.Noise(rng, 7, 0.58)
    for layer in range(LAYERS):
        near = (layer + 0.6) / LAYERS
        foot = horizon + 0.62 * near**2.2
        light = film.mix(haze * 0.92, linear(0.10, 0.15, 0.07), min(1.0, near**0.9 * 0.98))
        ground = _ground(noise, layer, foot, near, light, haze)
        picture = film.mix(picture, ground[0], ground[1])
        trunks = _trunks(rng, near, foot)
        bark = _bark(noise, near, light, haze, trunks)
        picture = film.mix(picture, bark, trunks)
        leaves = _canopy(rng, noise, layer, near)
        picture = film.mix(picture, light * (0.85 + 0.7 * noise.at(x * 1.7, y * 1.7 + layer))[..., None], leaves)
        cover = np.maximum(cover, np.maximum(trunks, leaves * 0.8)) if near < 0.75 else cover
        picture = film.mix(
            picture, haze, 0.10 * (1 - near) + 0.10 * film.smooth(0.6, -0.1, np.abs(y - horizon)) * (1 - near)
        )
        picture = film.defocus(picture, 0.8) if layer < LAYERS - 1 else picture
    picture += _rays(cover, sun) * linear(1.0, 0.92, 0.66) * 0.75
    picture = film.glow(film.defocus(picture, 2.4), 0.85, 0.35)
    return film.vignette(picture, 0.4)


def _trunks(rng: np.random.Generator, near: float, foot: float) -> np.ndarray:
    """A row of trunks with some bare twigs: a mask."""
    count = int(22 - 17 * near)

    def draw(canvas: np.ndarray, unit: float) -> None:
        for index in range(count):
            x = (index + rng.uniform(0.1, 0.9)) / count * WIDTH_PX * 1.1 - 0.05 * WIDTH_PX
            if near > 0.7 and 0.30 < x / WIDTH_PX < 0.70:
                continue  # the middle stays open
            wide = (9 + 62 * near**1.6) * rng.uniform(0.6, 1.25)
            lean, bend = rng.normal(0, 18), rng.normal(0, 10)
            root = (foot + 1) / 2 * HEIGHT_PX + rng.uniform(-6, 18) * near
            t = np.linspace(0, 1, 24)
            middle = x + lean * t + bend * np.sin(t * np.pi)
            half = wide / 2 * (1 - 0.45 * t + 0.55 * np.exp(-t * 26))
            down = root + (-30 - root) * t
            left, right = np.stack([middle - half, down], 1), np.stack([middle + half, down], 1)
            cv2.fillPoly(canvas, [np.int32(np.concatenate([left, right[::-1]]) * unit)], 255)
            for _ in range(int(rng.integers(1, 5))):
                at = int(rng.integers(8, 22))
                side, long = rng.choice([-1, 1]), rng.uniform(1.2, 4.0) * wide
                points = np.array(
                    [
                        [middle[at], down[at]],
                        [middle[at] + side * long * 0.55, down[at] - long * 0.10],
                        [middle[at] + side * long, down[at] - long * rng.uniform(0.15, 0.5)],
                    ]
                )
                cv2.polylines(canvas, [np.int32(points * unit)], False, 255, max(1, int(wide * 0.13 * unit)))

    return film.drawn(draw)


def _bark(noise: film.Noise, near: float, light: np.ndarray, haze: np.ndarray, trunks: np.ndarray) -> np.ndarray:
    """Bark with furrows, moss low down, and a rim of light towards the sun."""
    x, y = film.places()
    furrow = noise.at(x * (2.6 - 1.4 * near), y * 0.22 + near) - 0.5
    bark = film.mix(light, light * linear(1.12, 0.92, 0.80), 0.6) * (1 + 1.3 * near * furrow)[..., None]
    inside = film.blur(trunks, 1.5 + 9 * near)
    shift = np.roll(inside, -int(3 + 10 * near), axis=1)
    rim = np.clip(inside - shift, 0, 1) * trunks
    return bark + haze * (0.9 * rim * (0.25 + near))[..., None]


def _ground(
    noise: film.Noise, layer: int, foot: float, near: float, light: np.ndarray, haze: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(colours, mask) of the forest floor from here on, with ferns at its edge and a path of light."""
    x, y = film.places()
    tuft = noise.at(x * (1.5 - 0.5 * near) + 0.2 * layer, x * 0 + 0.13 * layer)
    blades = noise.at(x * 9.0 / (0.6 + 2.2 * near), y * 1.3 + layer * 0.3)
    top = foot - (0.03 + 0.17 * near) * (tuft - 0.25) - 0.06 * near * (blades - 0.5) - 0.10 * near * np.abs(x) ** 1.5
    mask = film.smooth(-0.004, 0.012 + 0.03 * near, y - top)
    moss = film.mix(light, linear(0.22, 0.36, 0.10) * (0.45 + 0.5 * haze[..., 1:2]), 0.55)
    dapple = film.smooth(0.52, 0.72, noise.at(x * 0.6 / (0.3 + near), y * 1.8 / (0.3 + near)))
    away = np.exp(-np.square((x - 0.10 - 0.30 * (y - 0.3)) / (0.16 + 0.55 * np.maximum(y - 0.2, 0))))
    path = film.mix(moss, linear(0.50, 0.44, 0.28) * (0.35 + 0.6 * haze[..., 1:2]), 0.55 * away)
    shade = (0.55 + 0.75 * noise.at(x * 2.2, y * 3.5 + layer) + 0.9 * dapple * away)[..., None]
    return path * shade, mask


def _canopy(rng: np.random.Generator, noise: film.Noise, layer: int, near: float) -> np.ndarray:
    """Leaves above: clumps with ragged, leafy edges; near ones frame the upper corners."""
    x, y = film.places()
    clump = noise.at(x * 0.35 + 0.31 * layer, y * 0.5 + 0.17 * layer)
    leafy = film.Noise(rng, 5, 0.8, 40).at(x * (1.3 - 0.8 * near), y * (1.3 - 0.8 * near))
    hang = -0.72 - 0.28 * near + 0.42 * near * np.abs(x) ** 1.3
    return film.smooth(0.0, 0.10, clump * 0.9 + 0.55 * (leafy - 0.5) - 0.36 - 0.95 * (y - hang)) * (0.55 + 0.4 * near)


def _rays(cover: np.ndarray, sun: tuple[float, float]) -> np.ndarray:
    """Sun rays: light that gets past the trees, smeared away from the sun. f32 [H,W,1]."""
    x, y = film.places()
    far = np.hypot(x - sun[0], y - sun[1])
    open_light = (1 - film.blur(cover, 2.0)) * film.smooth(1.1, 0.0, far)
    centre = np.float32([(sun[0] / film.ASPECT + 1) / 2 * WIDTH_PX, (sun[1] + 1) / 2 * HEIGHT_PX])
    rays = open_light
    for step in range(6):
        scale = 1.0 - 0.30 / 2**step
        matrix = np.float32([[scale, 0, centre[0] * (1 - scale)], [0, scale, centre[1] * (1 - scale)]])
        moved = cv2.warpAffine(
            rays,
            matrix,
            (WIDTH_PX, HEIGHT_PX),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        rays = (rays + moved) * 0.5
    return (np.clip(rays * 1.5 - 0.18, 0, 1) * film.smooth(2.2, 0.15, far))[..., None]


def glade(rng: np.random.Generator) -> np.ndarray:
    """A glade in full sun, far out of focus: discs of light between leaves, dark trunks, bright grass."""
    x, y = film.places()
    noise = film.Noise(rng, 6, 0.55)
    thick = noise.at(x * 0.22 + 0.1, y * 0.28)
    open_sky = film.smooth(1.25, 0.1, np.hypot(x * 0.75 + 0.15, y + 0.30))
    picture = film.ramp(
        thick + 0.55 * open_sky - 0.2,
        [
            (0.15, linear(0.06, 0.17, 0.07)),
            (0.45, linear(0.20, 0.42, 0.12)),
            (0.70, linear(0.52, 0.70, 0.22)),
            (1.0, linear(0.95, 0.96, 0.66)),
        ],
    )
    grass = film.ramp(
        y + 0.25 * (noise.at(x * 0.3, y) - 0.5),
        [(0.38, linear(0.70, 0.80, 0.28)), (0.62, linear(0.36, 0.56, 0.14)), (1.0, linear(0.10, 0.24, 0.07))],
    )
    dapple = film.smooth(0.5, 0.7, noise.at(x * 0.5, y * 1.8))
    grass = grass * (0.75 + 0.7 * dapple)[..., None]
    picture = film.mix(picture, grass, film.smooth(0.34, 0.52, y + 0.10 * (noise.at(x * 0.5, x * 0) - 0.5)))
    trunks = np.maximum(_trunks(rng, 0.30, 0.44), _trunks(rng, 0.62, 0.60))
    sunny = film.mix(np.full((1, 1, 3), 0, np.float32) + linear(0.16, 0.13, 0.08), linear(0.42, 0.36, 0.20), 0.3)
    picture = film.mix(picture, film.full(sunny[0, 0]) * (0.7 + 0.8 * open_sky)[..., None], trunks * 0.92)
    picture = film.defocus(picture, 9.0)

    def above() -> tuple[float, float]:
        return rng.normal(WIDTH_PX * 0.47, WIDTH_PX * 0.30), HEIGHT_PX * rng.beta(1.3, 2.6) * 0.95

    greens = [linear(0.80, 0.92, 0.35), linear(1.0, 0.97, 0.70), linear(0.55, 0.80, 0.25), linear(0.95, 0.90, 0.50)]
    for radius_px, count, level in ((9.0, 420, (15, 110)), (16.0, 190, (60, 330)), (27.0, 46, (180, 900))):
        discs = film.defocus(film.lights(rng, count, above, greens, level), radius_px)
        picture += cv2.GaussianBlur(discs, (0, 0), 1.0) * (0.35 + 0.65 * open_sky)[..., None]
    leaves = _near_leaves(rng)
    picture = film.mix(
        picture,
        film.ramp(y, [(-1, linear(0.30, 0.52, 0.12)), (0.6, linear(0.10, 0.26, 0.07))]),
        film.defocus(leaves, 7.0) * 0.92,
    )
    return film.vignette(film.glow(picture, 0.8, 0.30), 0.35)


def _near_leaves(rng: np.random.Generator) -> np.ndarray:
    """Twigs with leaves reaching in from both sides: a mask."""

    def draw(canvas: np.ndarray, unit: float) -> None:
        for side in (-1, 1):
            for _ in range(5):
                x = -20.0 if side < 0 else WIDTH_PX + 20.0
                y = rng.uniform(-60, HEIGHT_PX * 0.40)
                angle = rng.uniform(-0.3, 0.7)
                for _ in range(int(rng.integers(4, 8))):
                    x, y = x - side * 26 * np.cos(angle), y + 26 * np.sin(angle)
                    for turn in (-0.9, 0.9):
                        lean = angle + turn + rng.uniform(-0.3, 0.3)
                        middle = (x - side * 30 * np.cos(lean), y + 30 * np.sin(lean))
                        degrees = float(np.degrees(lean if side < 0 else np.pi - lean))
                        cv2.ellipse(
                            canvas,
                            tuple(int(v * unit) for v in middle),
                            (int(34 * unit), int(13 * unit)),
                            degrees,
                            0,
                            360,
                            255,
                            -1,
                        )

    return film.drawn(draw)
