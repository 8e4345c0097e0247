# SPDX-License-Identifier: Apache-2.0
"""Science fiction: a ship's corridor, ray-traced, and a bridge with a window onto space. See film.py for the units.

The corridor is an endless prism of eight flat walls; a pixel's ray meets one of them, and on the polished floor a
second ray goes on. Lamps are strips along the corridor; their light is worked out along the strip, in closed form.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.train.world.places import film
from mirage_lsd.worker.train.world.places.film import HEIGHT_PX, WIDTH_PX, linear
from mirage_lsd.worker.train.world.places.space import nebula

# Walls: inward normal (x, y) and distance from the axis; y is up. Floor, ceiling, sides and the four chamfers.
_DIAGONAL = float(np.sqrt(0.5))
WALLS = (
    (0.0, 1.0, 1.0), (0.0, -1.0, 1.05), (1.0, 0.0, 1.6), (-1.0, 0.0, 1.6),
    (_DIAGONAL, _DIAGONAL, 1.48), (-_DIAGONAL, _DIAGONAL, 1.48),
    (_DIAGONAL, -_DIAGONAL, 1.45), (-_DIAGONAL, -_DIAGONAL, 1.45),
)  # fmt: skip
FLOOR, CEILING = 0, 1
RIB_M = 2.4
COOL, WARM = linear(0.45, 0.85, 1.0), linear(1.0, 0.50, 0.20)
STRIPS = ((-1.18, 0.92, COOL, 1.0), (1.18, 0.92, COOL, 1.0), (-1.56, -0.52, WARM, 0.35), (1.56, -0.52, WARM, 0.35))


def corridor(rng: np.random.Generator) -> np.ndarray:
    """Looking down the corridor to a bright door."""
    x, y = film.places()
    direction = np.stack([x * 0.62, -y * 0.62 - 0.02, np.ones_like(x)], 2)
    eye = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32) + np.float32([0.12, 0.02, 0.0])
    noise = film.Noise(rng, 7, 0.6)
    picture, wall, hit, bent = _seen(eye, direction, noise)
    mirrored = direction * np.float32([1, -1, 1])
    mirrored[..., :2] += bent[..., None] * np.float32([0.03, 0.02])
    echo, *_ = _seen(hit + np.float32([0, 0.01, 0]), mirrored, noise)
    floor = (wall == FLOOR)[..., None]
    steep = np.abs(direction[..., 1]) / np.linalg.norm(direction, axis=2)
    mirror = (0.12 + 0.75 * (1 - steep) ** 5)[..., None] * (
        0.75 + 0.5 * noise.at(hit[..., 0] * 0.2, hit[..., 2] * 0.2)
    )[..., None]
    picture = picture + floor * mirror * film.blur(echo, 2.0)
    picture = film.glow(film.defocus(picture, 2.0), 0.8, 0.45, (5, 20, 80))
    return film.vignette(picture, 0.45)


def _seen(
    eye: np.ndarray, direction: np.ndarray, noise: film.Noise
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(light, which wall, where it is met, unevenness there) along rays from eye."""
    best = np.full(direction.shape[:2], 1e9, np.float32)
    wall = np.zeros(direction.shape[:2], np.int32)
    for index, (nx, ny, reach) in enumerate(WALLS):
        toward = -(direction[..., 0] * nx + direction[..., 1] * ny)
        gap = eye[..., 0] * nx + eye[..., 1] * ny + reach
        travel = np.where(toward > 1e-5, gap / np.maximum(toward, 1e-5), 1e9)
        closer = travel < best
        best, wall = np.where(closer, travel, best), np.where(closer, index, wall)
    end = 26.0
    at_end = best * direction[..., 2] + eye[..., 2] > end
    best = np.where(at_end, (end - eye[..., 2]) / direction[..., 2], best).astype(np.float32)
    hit = eye + best[..., None] * direction
    color, shine = _panels(wall, hit, noise)
    light = _lit(wall, hit)
    picture = color * light + shine
    door = film.smooth(0.75, 0.70, np.abs(hit[..., 0])) * film.smooth(0.72, 0.66, np.abs(hit[..., 1] + 0.15))
    picture = np.where(at_end[..., None], COOL * 0.15 + door[..., None] * linear(0.85, 0.97, 1.0) * 4.5, picture)
    fog = 1 - np.exp(-np.square(hit[..., 2] / 24.0))
    return film.mix(picture, COOL * 0.55, fog), wall, hit, noise.at(hit[..., 0] * 1.3, hit[..., 2] * 1.3) - 0.5


def _across(wall: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Metres across the wall that was hit, 0 in its middle."""
    out = np.zeros(wall.shape, np.float32)
    for index, (nx, ny, reach) in enumerate(WALLS):
        along = (hit[..., 0] + nx * reach) * -ny + (hit[..., 1] + ny * reach) * nx
        out = np.where(wall == index, along, out)
    return out


def _panels(wall: np.ndarray, hit: np.ndarray, noise: film.Noise) -> tuple[np.ndarray, np.ndarray]:
    """(albedo, own light): plates with seams, ribs, lamps, wall screens and floor marks."""
    across, along = _across(wall, hit), hit[..., 2]
    place = along / RIB_M
    cell, inside = np.floor(place), place - np.floor(place)
    pick = noise.at(cell * 0.37 + 0.11, wall * 0.13 + 0.5)
    plate = 0.30 + 0.16 * (pick - 0.5) + 0.06 * (noise.at(across * 0.5, along * 0.5) - 0.5)
    seam = np.minimum(
        np.abs(np.mod(across * 2.0 + 0.5, 1.0) - 0.5) / 2.0, np.abs(np.mod(inside * 2, 1.0) - 0.5) * RIB_M / 2
    )
    plate = plate * (0.45 + 0.55 * film.smooth(0.004, 0.014, seam))
    rib = film.smooth(0.055, 0.045, np.abs(inside - 0.5))
    plate = np.where(wall == FLOOR, 0.55 * plate, plate) * (1 - 0.72 * rib)
    tint = np.where((wall == FLOOR)[..., None], linear(0.80, 0.86, 1.0), linear(0.92, 0.96, 1.0))
    shine = np.zeros((*wall.shape, 3), np.float32)
    upper, lower = np.isin(wall, (6, 7)), np.isin(wall, (2, 3))
    strip = film.smooth(0.075, 0.055, np.abs(across)) * upper * (1 - rib)
    shine += (strip * 5.0)[..., None] * linear(0.70, 0.93, 1.0)
    foot = film.smooth(0.020, 0.012, np.abs(hit[..., 1] + 0.52)) * lower * film.smooth(0.46, 0.44, np.abs(inside - 0.5))
    shine += (foot * 2.6)[..., None] * WARM
    ring = film.smooth(0.016, 0.010, np.abs(inside - 0.5)) * (wall != FLOOR)
    shine += (ring * 1.6)[..., None] * COOL
    guide = (
        film.smooth(0.022, 0.014, np.abs(np.abs(hit[..., 0]) - 0.62)) * (wall == FLOOR) * (np.mod(place * 4, 1) < 0.6)
    )
    shine += (guide * 1.2)[..., None] * COOL
    screen = (
        lower
        * (pick > 0.55)
        * film.smooth(0.24, 0.23, np.abs(inside - 0.0 - 0.25))
        * film.smooth(0.20, 0.19, np.abs(hit[..., 1] - 0.12))
    )
    text = film.smooth(0.48, 0.56, noise.at(along * 1.1, np.floor(hit[..., 1] * 26) * 0.137)) * (
        np.mod(hit[..., 1] * 26, 1) < 0.55
    )
    shine += (screen * (0.10 + 0.9 * text))[..., None] * linear(0.25, 0.75, 1.0)
    return tint * (plate * (1 - 0.85 * screen))[..., None], shine


def _lit(wall: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Light that the strips throw on the walls: of an endless strip it falls with its distance across."""
    normal = np.float32([[nx, ny] for nx, ny, _ in WALLS])[wall]
    out = np.zeros((*wall.shape, 3), np.float32) + COOL * 0.03
    for x, y, color, level in STRIPS:
        toward = np.float32([x, y]) - hit[..., :2]
        far = np.linalg.norm(toward, axis=2) + 0.06
        facing = np.clip((toward * normal).sum(2) / far, 0.04, 1)
        out += (level * 0.95 * facing / far)[..., None] * color
    corner = np.ones(wall.shape, np.float32)
    for nx, ny, reach in WALLS:
        corner *= 1 - 0.35 * np.exp(-np.abs(hit[..., 0] * nx + hit[..., 1] * ny + reach) / 0.10)
    return out * (corner / 0.65)[..., None]


def bridge(rng: np.random.Generator) -> np.ndarray:
    """The bridge of a ship: a wide window onto a nebula, dark frames with strips of light, glowing consoles."""
    x, y = film.places()
    outside = film.defocus(nebula(rng), 2.5) * 0.9
    inside = film.ramp(
        y, [(-1.0, linear(0.10, 0.13, 0.20)), (0.2, linear(0.07, 0.09, 0.15)), (1.0, linear(0.03, 0.04, 0.07))]
    )
    noise = film.Noise(rng, 6)
    inside *= (0.8 + 0.5 * (noise.at(x * 0.4, y * 0.4) - 0.5))[..., None]
    top, bottom = -0.72 + 0.10 * np.abs(x) ** 2, 0.34 - 0.05 * np.abs(x) ** 2
    frames = np.ones_like(x)
    for place in (-1.36, -0.50, 0.50, 1.36):
        lean = place * (1 + 0.16 * (y + 0.2))
        frames *= film.smooth(0.030, 0.040, np.abs(x - lean))
    pane = film.smooth(0.0, 0.010, y - top) * film.smooth(0.0, 0.010, bottom - y) * frames
    gap = np.minimum(y - top, bottom - y)
    picture = film.mix(inside, outside, pane)
    edge = film.smooth(0.05, 0.0, np.abs(gap + 0.045)) * (gap < 0)
    picture += COOL * (0.16 * edge)[..., None]
    for offset, color, level in ((-0.075, COOL, 3.2), (-0.20, linear(0.35, 0.45, 1.0), 1.0)):
        line = film.smooth(0.011, 0.005, np.abs(gap - offset))
        picture += (line * level)[..., None] * color
        picture += (0.22 * level * np.exp(-np.abs(gap - offset) / 0.09) * (gap < 0))[..., None] * color * 0.35
    picture = _consoles(rng, picture, noise)
    reflection = film.blur(picture[::-1], 14) * film.smooth(0.55, 1.0, y)[..., None] * 0.10
    picture = film.glow(film.defocus(picture + reflection, 2.0), 0.7, 0.40, (5, 22, 80))
    return film.vignette(picture, 0.45)


def _consoles(rng: np.random.Generator, picture: np.ndarray, noise: film.Noise) -> np.ndarray:
    """Desks along the window with screens full of small graphs, drawn in perspective."""
    x, y = film.places()
    desk = film.smooth(0.0, 0.012, y - 0.50 + 0.035 * np.abs(x) ** 2)
    picture = film.mix(picture, film.full(linear(0.06, 0.075, 0.12)) * (1.3 - 0.9 * (y - 0.5))[..., None], desk)
    rim = film.smooth(0.006, 0.002, np.abs(y - 0.505 + 0.035 * np.abs(x) ** 2))
    picture += (rim * 1.1)[..., None] * COOL
    for index in range(-4, 5):
        if index == 0:
            continue
        middle = index * 0.40
        across, down = (x - middle * (1 + 0.35 * (y - 0.6))) / 0.165, (y - 0.64 + 0.02 * middle**2) / 0.085
        inside = film.smooth(1.0, 0.97, np.maximum(np.abs(across), np.abs(down)))
        color = (COOL, linear(0.3, 0.55, 1.0), WARM, linear(0.25, 1.0, 0.75))[rng.integers(4)]
        wave = film.smooth(
            0.10, 0.03, np.abs(down - 0.6 * (noise.at(across * 0.12 + index, across * 0 + 0.3) - 0.5) * 2)
        )
        rows = (np.mod(down * 5, 1) < 0.45) * (noise.at(across * 0.35 + index * 0.3, np.floor(down * 5) * 0.21) > 0.5)
        grid = np.maximum((np.mod(across * 4, 1) < 0.05), (np.mod(down * 3, 1) < 0.06)) * 0.25
        content = 0.10 + grid + (wave if rng.random() < 0.5 else rows * 0.55)
        picture += (inside * content * 1.15)[..., None] * color
    return picture
