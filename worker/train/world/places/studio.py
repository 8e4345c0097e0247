# SPDX-License-Identifier: Apache-2.0
"""Studios: a photographer's paper backdrop with softboxes, and a streamer's room with coloured light. See film.py."""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.train.world.places import film
from mirage_lsd.worker.train.world.places.film import HEIGHT_PX, WIDTH_PX, linear


def paper(rng: np.random.Generator) -> np.ndarray:
    """Seamless paper with a pool of light, softboxes on stands at both edges."""
    x, y = film.places()
    noise = film.Noise(rng, 5)
    color = linear(0.46, 0.53, 0.60)
    spot = np.exp(-1.15 * np.hypot(x * 0.72 + 0.06, y + 0.10) ** 2)
    side = 0.16 * film.smooth(1.9, 0.4, np.abs(x + 1.7)) + 0.12 * film.smooth(1.9, 0.4, np.abs(x - 1.7))
    wall = color * (0.16 + 1.05 * spot + side)[..., None]
    floor = color * (0.30 + 0.55 * np.exp(-1.2 * (x * x * 0.5 + (y - 0.75) ** 2 * 2)))[..., None]
    picture = film.mix(wall, floor, film.smooth(0.50, 0.86, y + 0.03 * np.abs(x)))
    picture *= (1 + 0.025 * (noise.at(x * 0.15, y * 0.15) - 0.5))[..., None]
    picture = _softbox(picture, (-1.60, -0.42), 0.50, 0.62, 0.22, 1)
    picture = _softbox(picture, (1.66, -0.30), 0.36, 0.66, -0.16, -1)
    picture = film.glow(film.defocus(picture, 3.0), 0.75, 0.30, (8, 40, 110))
    return film.vignette(picture, 0.45)


def _softbox(
    picture: np.ndarray, at: tuple[float, float], wide: float, high: float, lean: float, side: int
) -> np.ndarray:
    """A lit softbox on a stand, turned towards the middle."""
    unit = HEIGHT_PX / 2

    def to_px(points: list[tuple[float, float]]) -> np.ndarray:
        turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
        return (np.array(points) @ turn.T + at) * unit + [WIDTH_PX / 2, HEIGHT_PX / 2]

    near, far = (1.0, 0.86) if side > 0 else (0.86, 1.0)
    face = [
        (-wide / 2, -high / 2 * near),
        (wide / 2, -high / 2 * far),
        (wide / 2, high / 2 * far),
        (-wide / 2, high / 2 * near),
    ]
    rim = [(px * 1.07, py * 1.07) for px, py in face]
    stand = film.drawn(
        lambda canvas, scale: cv2.line(
            canvas,
            *(
                tuple(int(v * scale) for v in (at[0] * unit + WIDTH_PX / 2, row))
                for row in (at[1] * unit + HEIGHT_PX / 2, HEIGHT_PX * 1.02)
            ),
            255,
            int(9 * scale),
        )
    )
    picture = film.mix(picture, film.full(linear(0.10, 0.10, 0.11)), stand)
    picture = film.mix(picture, film.full(linear(0.07, 0.07, 0.08)), film.polygon(to_px(rim)))
    x, y = film.places()
    middle = np.exp(-1.6 * (((x - at[0]) / wide) ** 2 + ((y - at[1]) / high) ** 2))
    return film.mix(picture, linear(1.0, 0.97, 0.92) * (1.3 + 2.2 * middle)[..., None], film.polygon(to_px(face)))


def room(rng: np.random.Generator) -> np.ndarray:
    """A streamer's wall: acoustic foam and wooden slats, shelves with plants and books, magenta and blue strips."""
    x, y = film.places()
    left, right = linear(1.0, 0.16, 0.62), linear(0.16, 0.42, 1.0)
    wash_left = np.exp(-1.1 * np.hypot(x + 1.75, (y + 0.75) * 0.7)) * 1.5
    wash_right = np.exp(-1.1 * np.hypot(x - 1.75, (y + 0.60) * 0.7)) * 1.6
    warm = (
        np.exp(-2.2 * np.hypot(x - 1.12, (y + 0.12) * 1.1)) * 0.55 + np.exp(-2.2 * np.hypot(x + 1.12, y - 0.1)) * 0.30
    )
    light = (
        linear(0.33, 0.30, 0.40) * 0.35
        + wash_left[..., None] * left
        + wash_right[..., None] * right
        + warm[..., None] * linear(1.0, 0.70, 0.40)
    )
    slats = np.mod(x * 11.0, 1.0)
    wood = (
        linear(0.52, 0.36, 0.25)
        * (1.0 + 0.35 * (film.Noise(rng, 6).at(np.floor(x * 11) * 0.37, y * 0.12) - 0.5))[..., None]
    )
    wood *= (0.20 + 0.80 * film.smooth(0.0, 0.10, slats) * film.smooth(0.86, 0.78, slats))[..., None]
    foam = _foam(x, y, light, wash_left, wash_right)
    centre = film.smooth(0.83, 0.82, np.abs(x))
    picture = film.mix(wood * light * 1.5, foam, centre)
    picture *= (1 - 0.75 * film.smooth(0.012, 0.0, np.abs(np.abs(x) - 0.83)))[..., None]
    for edge, color in ((-0.86, left), (0.86, right)):  # strips of light along the panel
        strip = film.smooth(0.014, 0.006, np.abs(x - edge)) * film.smooth(-0.92, -0.90, y)
        picture += strip[..., None] * color * 4.0
        picture += (0.60 * np.exp(-np.abs(x - edge) / 0.12))[..., None] * color * 0.5
    picture = _shelves(rng, picture, light)
    picture = _ring(picture)
    picture = film.glow(film.defocus(picture, 4.2), 0.7, 0.42, (8, 34, 100))
    return film.vignette(picture, 0.4)


def _foam(x: np.ndarray, y: np.ndarray, light: np.ndarray, from_left: np.ndarray, from_right: np.ndarray) -> np.ndarray:
    """Dark foam tiles of small pyramids, lit from both sides."""
    step = 0.105
    u, v = np.mod(x / step, 1.0) - 0.5, np.mod(y / step, 1.0) - 0.5
    flat_x = np.abs(u) > np.abs(v)
    shade = np.where(flat_x, np.where(u < 0, from_left, from_right), np.where(v < 0, 0.75, 0.22))
    groove = film.smooth(0.5, 0.44, np.maximum(np.abs(u), np.abs(v)))
    tile = film.smooth(0.0, 0.012, np.abs(np.mod(x / (4 * step) + 0.5, 1.0) - 0.5) * 4 * step)
    tile *= film.smooth(0.0, 0.012, np.abs(np.mod(y / (4 * step) + 0.5, 1.0) - 0.5) * 4 * step)
    own = linear(0.33, 0.33, 0.38) * ((0.25 + 1.1 * shade) * (0.55 + 0.45 * groove) * (0.5 + 0.5 * tile))[..., None]
    return own * (0.35 + light)


def _shelves(rng: np.random.Generator, picture: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Two shelves on each side: books, a plant, a lamp."""
    x, y = film.places()
    for side in (-1, 1):
        for row in (-0.28, 0.26):
            inside = film.smooth(0.43, 0.425, np.abs(x - side * 1.33))
            picture = film.mix(
                picture, light * linear(0.62, 0.45, 0.32), inside * film.smooth(0.020, 0.016, np.abs(y - row))
            )
            picture *= (1 - 0.55 * inside * film.smooth(0.14, 0.0, y - row - 0.02) * (y > row + 0.02))[..., None]
            picture = _books(rng, picture, light, side, row)
    for middle, row, size in (((-1.02), -0.30, 0.20), (1.58, 0.24, 0.17)):
        leaves = np.zeros_like(x)
        for _ in range(22):
            angle, long = rng.uniform(-np.pi, 0), rng.uniform(0.5, 1.0) * size
            leaves = np.maximum(leaves, _blade(x, y, (middle, row - 0.09), angle, long))
        picture = film.mix(picture, linear(0.20, 0.46, 0.20) * (0.25 + light), leaves)
        pot = film.smooth(0.062, 0.056, np.abs(x - middle) * (1 + 0.9 * (y - row + 0.05))) * (
            np.abs(y - row + 0.055) < 0.05
        )
        picture = film.mix(picture, linear(0.80, 0.76, 0.72) * (0.2 + light), pot)
    bulb = np.exp(-np.square(np.hypot(x - 1.15, y + 0.36) / 0.05))
    return picture + bulb[..., None] * linear(1.0, 0.78, 0.48) * 3.2


def _books(rng: np.random.Generator, picture: np.ndarray, light: np.ndarray, side: int, row: float) -> np.ndarray:
    x, y = film.places()
    at = side * 1.33 - 0.36 + rng.uniform(0.0, 0.22)
    for _ in range(int(rng.integers(5, 9))):
        wide, high = rng.uniform(0.025, 0.05), rng.uniform(0.14, 0.22)
        mask = (
            film.smooth(wide / 2, wide / 2 - 0.004, np.abs(x - at))
            * film.smooth(0.0, 0.004, y - row + 0.02 + high)
            * (y < row - 0.016)
        )
        picture = film.mix(
            picture, film.hsv(rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.8)) * (0.15 + light), mask
        )
        at += wide * 1.02
    return picture


def _blade(x: np.ndarray, y: np.ndarray, root: tuple[float, float], angle: float, long: float) -> np.ndarray:
    """A pointed leaf from a root."""
    along = (x - root[0]) * np.cos(angle) + (y - root[1]) * np.sin(angle)
    across = -(x - root[0]) * np.sin(angle) + (y - root[1]) * np.cos(angle)
    half = 0.16 * long * np.sin(np.pi * np.clip(along / long, 0, 1)) ** 0.8
    return film.smooth(0.004, -0.004, np.abs(across) - half) * (along > 0) * (along < long)


def _ring(picture: np.ndarray) -> np.ndarray:
    """A neon ring on the foam, with its light on the wall."""
    x, y = film.places()
    far = np.abs(np.hypot(x, y + 0.36) - 0.34)
    color = film.ramp(x / 0.34, [(-1.0, linear(1.0, 0.25, 0.75)), (1.0, linear(0.25, 0.60, 1.0))])
    return picture + color * (4.2 * film.smooth(0.014, 0.006, far) + 0.42 * np.exp(-far / 0.07))[..., None]
