# SPDX-License-Identifier: Apache-2.0
"""Space: a nebula with a ringed planet, and the edge of a living planet from orbit. See film.py for the units."""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.train.world.places import film
from mirage_lsd.worker.train.world.places.film import HEIGHT_PX, WIDTH_PX, linear


def stars(rng: np.random.Generator, density: float = 1.0) -> np.ndarray:
    """Faint and bright stars in their true colours, the brightest with a soft halo."""
    tints = [linear(0.75, 0.85, 1.0), linear(1.0, 1.0, 1.0), linear(1.0, 0.88, 0.7), linear(1.0, 0.75, 0.55)]

    def anywhere() -> tuple[float, float]:
        return rng.uniform(0, WIDTH_PX), rng.uniform(0, HEIGHT_PX)

    faint = film.lights(rng, int(2600 * density), anywhere, tints, (0.05, 0.8))
    bright = film.lights(rng, int(130 * density), anywhere, tints, (2.0, 14.0))
    brightest = film.lights(rng, int(12 * density), anywhere, tints, (40.0, 140.0))
    return (
        film.blur(faint, 0.55) * 1.6
        + film.blur(bright, 0.9) * 1.6
        + film.blur(brightest, 1.3)
        + film.blur(bright + brightest, 5.0) * 0.9
    )


def nebula(rng: np.random.Generator) -> np.ndarray:
    """Glowing gas in two colours with dark dust lanes, and a ringed planet."""
    x, y = film.places()
    noise, fine = film.Noise(rng, 7, 0.55, 3), film.Noise(rng, 7, 0.60, 5)
    bend_x, bend_y = noise.at(x * 0.16 + 0.2, y * 0.16), noise.at(x * 0.16, y * 0.16 + 0.6)
    gas = fine.at(x * 0.13 + 0.55 * bend_x, y * 0.16 + 0.55 * bend_y)
    lane = fine.at(x * 0.21 - 0.4 * bend_y + 0.4, y * 0.2 + 0.4 * bend_x + 0.1)
    band = np.exp(-np.square((y + 0.35 * x - 0.5 * (bend_x - 0.5)) / 0.85))
    thick = film.smooth(0.32, 0.95, gas) * (0.25 + 0.85 * band)
    hue = film.smooth(0.26, 0.80, bend_x + 0.25 * (gas - 0.5))
    color = film.ramp(
        hue,
        [
            (0.0, linear(0.10, 0.30, 0.85)),
            (0.45, linear(0.42, 0.18, 0.80)),
            (0.75, linear(0.95, 0.25, 0.55)),
            (1.0, linear(1.0, 0.55, 0.30)),
        ],
    )
    picture = film.full(linear(0.015, 0.018, 0.05)) + color * (1.15 * thick**1.6)[..., None]
    picture += linear(0.9, 0.75, 1.0) * (0.9 * np.clip(gas * band - 0.55, 0, 1) ** 1.5)[..., None]
    picture *= (1.0 - 0.75 * film.smooth(0.50, 0.74, lane))[..., None]
    picture += stars(rng)
    picture = _ringed(rng, picture, (1.02, -0.40), 0.36, (-0.75, -0.45))
    return film.vignette(film.glow(picture, 0.9, 0.25), 0.3)


def _ringed(
    rng: np.random.Generator, picture: np.ndarray, at: tuple[float, float], radius: float, sun: tuple[float, float]
) -> np.ndarray:
    """A banded planet with rings before and behind it, lit from the side of `sun`."""
    x, y = film.places()
    dx, dy = (x - at[0]) / radius, (y - at[1]) / radius
    far = np.hypot(dx, dy)
    turn = -0.42
    across, up = dx * np.cos(turn) - dy * np.sin(turn), dx * np.sin(turn) + dy * np.cos(turn)
    out_to = np.hypot(across, up / 0.22)
    noise = film.Noise(rng, 6)
    grain = noise.at(out_to * 0.8, out_to * 0 + 0.5)
    ring = film.smooth(1.35, 1.40, out_to) * film.smooth(2.25, 2.15, out_to) * (0.25 + 0.9 * grain)
    ring *= 1.0 - 0.85 * np.exp(-np.square((out_to - 1.86) / 0.03))
    lit_ring = linear(0.86, 0.78, 0.70) * (0.55 * ring)[..., None]
    shadow = film.smooth(1.02, 0.9, np.hypot(dx - sun[0] * -0.9, dy - sun[1] * -0.9)) * (far > 1)
    depth = np.sqrt(np.maximum(0.0, 1.0 - far * far))
    sunlight = np.clip((dx * sun[0] + dy * sun[1] + 0.55 * depth) / np.sqrt(sun[0] ** 2 + sun[1] ** 2 + 0.3), 0, 1)
    bend = noise.at(across * 0.22, up * 0.5) - 0.5
    bands = noise.at(up * 0 + 0.31, (up + 0.10 * bend) * 0.42)
    surface = film.ramp(
        bands,
        [
            (0.2, linear(0.36, 0.24, 0.30)),
            (0.45, linear(0.80, 0.55, 0.42)),
            (0.6, linear(0.93, 0.80, 0.66)),
            (0.85, linear(0.50, 0.36, 0.42)),
        ],
    )
    ball = surface * (0.012 + 1.1 * sunlight**1.1)[..., None]
    ball += linear(0.5, 0.6, 1.0) * (0.55 * (1 - depth) ** 3 * sunlight)[..., None]
    behind = (1 - shadow * 0.9)[..., None] * lit_ring
    picture = picture * (1 - 0.6 * ring)[..., None] + behind
    picture = film.mix(picture, ball, film.smooth(1.0, 1.0 - 2.2 / (radius * HEIGHT_PX / 2), far))
    front = ring * (up > 0) * (far < 1.0)
    return film.mix(picture, lit_ring * 1.7, np.clip(front * 1.2, 0, 1))


def orbit(rng: np.random.Generator) -> np.ndarray:
    """The curved edge of a planet with seas, clouds and a rising sun, from orbit."""
    x, y = film.places()
    radius, middle = 3.1, np.float32([0.25, 3.42])
    dx, dy = (x - middle[0]) / radius, (y - middle[1]) / radius
    far = np.hypot(dx, dy)
    depth = np.sqrt(np.maximum(1e-4, 1.0 - far * far))
    sun = np.float32([-0.62, -0.74, 0.26])
    facing = np.clip(dx * sun[0] + dy * sun[1] + depth * sun[2], -0.2, 1)
    light = film.smooth(-0.05, 0.75, facing)
    along, into = np.arctan2(dx, -dy) * 1.5, np.arcsin(np.clip(depth, 0, 1)) * 1.25
    noise, cloudy = film.Noise(rng, 8, 0.56, 3), film.Noise(rng, 8, 0.60, 4)
    land = film.smooth(0.53, 0.58, noise.at(along * 0.45, into * 0.62))
    dry = noise.at(along * 0.9 + 0.3, into * 1.1)
    ground = film.ramp(
        dry, [(0.3, linear(0.10, 0.22, 0.10)), (0.55, linear(0.34, 0.36, 0.18)), (0.75, linear(0.58, 0.47, 0.32))]
    )
    surface = film.mix(film.full(linear(0.03, 0.14, 0.34)), ground, land)
    swirl = noise.at(along * 0.5 + 0.1, into * 0.5 + 0.7)
    cloud = cloudy.at(along * 0.75 + 0.35 * swirl, into * 1.3 + 0.25 * swirl)
    cover = film.smooth(0.47, 0.75, cloud)
    shadow = cloudy.at(along * 0.75 + 0.35 * swirl + 0.006, into * 1.3 + 0.25 * swirl)
    shade = 1.0 - 0.35 * film.smooth(0.47, 0.75, shadow)
    surface = film.mix(
        surface * shade[..., None], linear(0.96, 0.97, 1.0) * (0.35 + 0.75 * cloud)[..., None], cover * 0.9
    )
    rim = np.exp(-np.square((1 - np.minimum(far, 1)) / 0.055))
    planet = surface * (0.01 + 1.15 * light)[..., None]
    planet += linear(0.28, 0.56, 1.0) * ((0.18 + 1.0 * rim) * light)[..., None]
    night = film.full(linear(0.012, 0.014, 0.035)) + stars(rng, 0.8)
    night += linear(0.25, 0.22, 0.5) * (0.35 * film.smooth(0.45, 0.9, noise.at(x * 0.14, y * 0.2 + 0.2 * x)))[..., None]
    above = np.clip(far - 1.0, 0, None) * radius
    halo = np.exp(-above / 0.05) * (far >= 1.0) * film.smooth(-0.3, 0.6, (dx * sun[0] + dy * sun[1]))
    picture = film.mix(night, planet, film.smooth(1.0006, 0.9994, far))
    picture += linear(0.30, 0.58, 1.0) * (1.5 * halo)[..., None]
    picture += linear(0.75, 0.9, 1.0) * (0.9 * np.exp(-np.square((far - 1.0) * radius / 0.006)) * light)[..., None]
    return film.glow(picture, 0.75, 0.40)
