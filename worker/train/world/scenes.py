# SPDX-License-Identifier: Apache-2.0
"""Paints the named scenes: city night, forest, beach, sci-fi, studio, space.

Called by backdrops.py. Every painter takes a seeded generator and returns f32 [224,384,3] sRGB 0..1; the
variants of one name differ in layout, colour and blur but stay the same kind of place.
"""

import colorsys
from collections.abc import Callable

import cv2
import numpy as np

HEIGHT_PX, WIDTH_PX = 224, 384
SCENES = ("city night", "forest", "beach", "sci-fi", "studio", "space")


def blank(color: tuple | np.ndarray) -> np.ndarray:
    """A flat picture."""
    return np.ones((HEIGHT_PX, WIDTH_PX, 3), np.float32) * np.asarray(color, np.float32)


def gradient(top: tuple | np.ndarray, bottom: tuple | np.ndarray, power: float = 1.0) -> np.ndarray:
    """A vertical gradient from top to bottom."""
    t = (np.linspace(0, 1, HEIGHT_PX, dtype=np.float32) ** power)[:, None, None]
    return (1 - t) * np.asarray(top, np.float32) + t * np.asarray(bottom, np.float32) + blank(0)


def clouds(rng: np.random.Generator, first: int = 3, octaves: int = 5, stretch: float = 1.7) -> np.ndarray:
    """Smooth fractal noise f32 [H,W], about 0..1."""
    total = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    for octave in range(octaves):
        cells = first * 2**octave
        grid = rng.random((cells + 1, int(cells * stretch) + 2), np.float32)
        total += cv2.resize(grid, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) * 0.5 ** (octave + 1)
    return total


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; sigma in px, 0 leaves the picture alone."""
    return picture if sigma <= 0.05 else cv2.GaussianBlur(picture, (0, 0), sigma)


def hue(rng: np.random.Generator, centre: float, spread: float, saturation: float, value: float) -> np.ndarray:
    """A colour near a hue."""
    return np.asarray(colorsys.hsv_to_rgb((centre + rng.normal(0, spread)) % 1, saturation, value), np.float32)


def lay(picture: np.ndarray, mask: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Blend a colour (or picture) over by a mask f32 [H,W] 0..1."""
    return picture + mask[..., None] * (color - picture)


def lights(rng: np.random.Generator, count: int, radius: tuple[float, float], colors: list, rows: tuple) -> np.ndarray:
    """Out-of-focus light discs to add: f32 [H,W,3]."""
    out = blank(0)
    for _ in range(count):
        disc = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        centre = (int(rng.uniform(0, WIDTH_PX)), int(rng.uniform(*rows) * HEIGHT_PX))
        size = rng.uniform(*radius)
        cv2.circle(disc, centre, max(1, int(size)), 1.0, -1, cv2.LINE_AA)
        box = slice(max(0, centre[1] - 40), centre[1] + 40), slice(max(0, centre[0] - 40), centre[0] + 40)
        out[box] += disc[box][..., None] * np.asarray(colors[rng.integers(len(colors))]) * rng.uniform(0.15, 0.7)
    return out


def _towers(rng: np.random.Generator, picture: np.ndarray, base: np.ndarray, tall: float, lit: float) -> None:
    x = -10
    while x < WIDTH_PX:
        width, top = int(rng.uniform(22, 60)), int(HEIGHT_PX * (1 - tall * rng.uniform(0.5, 1)))
        picture[top:, max(0, x):x + width] = base * rng.uniform(0.8, 1.25)
        step = int(rng.integers(5, 9))
        tint = hue(rng, 0.11, 0.05, rng.uniform(0.2, 0.7), 1.0)
        for y in range(top + 4, HEIGHT_PX - 3, step):
            for wx in range(max(0, x) + 3, min(x + width, WIDTH_PX) - 4, step):
                if rng.random() < lit:
                    picture[y:y + step - 3, wx:wx + step - 3] = tint * rng.uniform(0.45, 1)
        x += width + int(rng.uniform(0, 6))


def city_night(rng: np.random.Generator) -> np.ndarray:
    """Dark sky, lit towers in depth, neon and street bokeh."""
    picture = gradient(hue(rng, 0.65, 0.04, 0.8, 0.10), hue(rng, rng.choice([0.62, 0.8, 0.95]), 0.04, 0.6, 0.36))
    for depth in range(3):
        haze = hue(rng, 0.66, 0.04, 0.6, 0.17 - 0.045 * depth)
        _towers(rng, picture, haze, 0.85 - 0.16 * depth, 0.22 + 0.1 * rng.random())
        picture = blur(picture, 1.2 - 0.4 * depth)
    neon = [hue(rng, h, 0.02, 0.85, 1.0) for h in (0.9, 0.52, 0.12, 0.08, 0.0)]
    for _ in range(rng.integers(2, 7)):
        x, y = int(rng.uniform(0, WIDTH_PX - 40)), int(rng.uniform(70, 180))
        width, height = (int(v) for v in rng.uniform((6, 14), (34, 40)))
        cv2.rectangle(picture, (x, y), (x + width, y + height), neon[rng.integers(5)].tolist(), int(rng.choice([2, 3])))
    picture += 0.8 * blur(np.maximum(picture - 0.45, 0), 7)
    picture += lights(rng, int(rng.uniform(12, 40)), (2, rng.uniform(5, 12)), neon, (0.55, 1.0))
    return blur(picture, rng.uniform(0, 2.2))


def forest(rng: np.random.Generator) -> np.ndarray:
    """Layers of trunks and leaves fading into bright haze, sun shafts, undergrowth."""
    glow = hue(rng, rng.uniform(0.13, 0.28), 0.02, 0.32, rng.uniform(0.75, 0.95))
    picture = gradient(glow, glow * 0.72)
    leaf = hue(rng, 0.29, 0.035, 0.65, 0.42)
    for depth in range(5):
        t = (depth + 1) / 5
        color = (1 - t) * glow * 0.8 + t * leaf * 0.38
        for _ in range(rng.integers(4, 9)):
            x, lean = rng.uniform(0, WIDTH_PX), rng.normal(0, 12)
            width = rng.uniform(2, 6) + 11 * t * t * rng.random()
            points = np.array([[x, 0], [x + width * 0.8, 0], [x + lean + width * 1.2, HEIGHT_PX], [x + lean, HEIGHT_PX]])
            bark = color * np.array([1.15, 0.9, 0.75]) * rng.uniform(0.7, 1.1)
            cv2.fillPoly(picture, [points.astype(np.int32)], bark.tolist(), cv2.LINE_AA)
        crown = np.clip((clouds(rng, 4 + 2 * depth) - 0.52 + 0.30 * np.linspace(1, -1, HEIGHT_PX)[:, None]) * 9, 0, 1)
        picture = lay(picture, crown * (0.5 + 0.4 * t), color * (0.8 + 0.9 * clouds(rng, 24, 2)[..., None]))
        picture = blur(picture, 1.6 * (1 - t))
    floor = np.clip((np.linspace(-1, 1, HEIGHT_PX)[:, None] - 0.45 + 0.4 * (clouds(rng, 4) - 0.5)) * 6, 0, 1)
    picture = lay(picture, floor, leaf * (0.35 + 0.9 * clouds(rng, 20, 3)[..., None]))
    shafts = np.clip(cv2.resize(rng.random((1, 14), np.float32), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) - 0.62, 0, 1)
    shear = np.float32([[1, rng.uniform(-0.7, 0.7), 0], [0, 1, 0]])
    shafts = cv2.warpAffine(shafts, shear, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT)
    picture += 0.5 * shafts[..., None] * glow * np.linspace(1, 0.1, HEIGHT_PX)[:, None, None]
    return blur(picture, rng.uniform(0, 2.2))


def beach(rng: np.random.Generator) -> np.ndarray:
    """Sky with clouds or sunset, sea with glitter, foam line and sand, perhaps palms."""
    sunset = rng.random() < 0.35
    top, low = (hue(rng, 0.6, 0.05, 0.5, 0.6), hue(rng, 0.07, 0.02, 0.6, 1.0)) if sunset else (
        hue(rng, 0.57, 0.02, 0.65, 0.85), hue(rng, 0.54, 0.02, 0.18, 0.97))
    horizon = int(HEIGHT_PX * rng.uniform(0.36, 0.58))
    shore = int(min(HEIGHT_PX * 0.9, horizon + HEIGHT_PX * rng.uniform(0.14, 0.32)))
    picture = gradient(top, low, 0.8)
    cloud = np.clip((clouds(rng, 3, 5, 0.8) - rng.uniform(0.45, 0.62)) * 4, 0, 1)
    picture = lay(picture, cloud * 0.8, (low * 0.5 + 0.5))
    sea = gradient(hue(rng, 0.54, 0.02, 0.7, 0.55), hue(rng, 0.48, 0.02, 0.55, 0.8))
    waves = cv2.resize(rng.random((HEIGHT_PX, 40), np.float32), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    sea = (sea if not sunset else sea * 0.6 + 0.35 * low) * (0.82 + 0.34 * waves[..., None])
    rows = np.arange(HEIGHT_PX)[:, None] + 0 * np.arange(WIDTH_PX)
    picture = lay(picture, (rows >= horizon).astype(np.float32), sea)
    edge = shore + 10 * (clouds(rng, 2, 3)[:1] - 0.5) * 2 + rng.normal(0, 0.03) * np.arange(WIDTH_PX)
    sand = hue(rng, 0.11, 0.01, 0.33, 0.88) * (0.86 + 0.25 * clouds(rng, 16, 4)[..., None])
    wet = np.clip((rows - edge) / 22, 0, 1)[..., None]
    picture = lay(picture, (rows > edge).astype(np.float32), sand * (0.72 + 0.28 * wet))
    picture = lay(picture, np.exp(-((rows - edge) / 2.6) ** 2) * 0.9, np.float32([1, 1, 1]))
    for _ in range(rng.integers(0, 4)):
        _palm(rng, picture, shore)
    return blur(picture, rng.uniform(0, 2.0))


def _palm(rng: np.random.Generator, picture: np.ndarray, shore: int) -> None:
    x, bend, height = rng.uniform(0, WIDTH_PX), rng.normal(0, 30), rng.uniform(90, 170)
    t = np.linspace(0, 1, 20)
    path = np.stack([x + bend * t**2, shore + 25 - height * t], 1).astype(np.int32)
    cv2.polylines(picture, [path], False, (0.33, 0.24, 0.16), int(rng.uniform(4, 8)), cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 11) + rng.uniform(0, 1):
        reach = rng.uniform(30, 52)
        frond = np.stack([path[-1][0] + reach * t * np.cos(angle),
                          path[-1][1] + reach * (0.5 * np.sin(angle) * t + 0.75 * t**2)], 1).astype(np.int32)
        cv2.polylines(picture, [frond], False, hue(rng, 0.31, 0.02, 0.7, 0.38).tolist(), 4, cv2.LINE_AA)


def sci_fi(rng: np.random.Generator) -> np.ndarray:
    """A corridor or bridge of dark panels in perspective with glowing strips and screens."""
    accent, other = hue(rng, rng.choice([0.5, 0.55, 0.83, 0.05, 0.38]), 0.02, 0.8, 1.0), hue(rng, rng.random(), 0, 0.7, 1)
    base = hue(rng, 0.6, 0.05, 0.35, rng.uniform(0.14, 0.3))
    picture = blank(base)
    vanish = np.array([WIDTH_PX * rng.uniform(0.3, 0.7), HEIGHT_PX * rng.uniform(0.35, 0.55)])
    corners = np.array([[0, 0], [WIDTH_PX, 0], [WIDTH_PX, HEIGHT_PX], [0, HEIGHT_PX]], float) * 1.3 - [58, 34]
    rings = [vanish + (corners - vanish) * scale for scale in 0.82 ** np.arange(0, 12)]
    for depth, (outer, inner) in enumerate(zip(rings, rings[1:], strict=False)):
        for side in range(4):
            quad = np.stack([outer[side], outer[(side + 1) % 4], inner[(side + 1) % 4], inner[side]]).astype(np.int32)
            shade = base * rng.uniform(0.55, 1.5) * (0.8 + 0.09 * depth)
            cv2.fillPoly(picture, [quad], shade.tolist(), cv2.LINE_AA)
            if rng.random() < 0.3:
                color = (accent if rng.random() < 0.75 else other).tolist()
                mid = ((quad[0] + quad[3]) // 2, (quad[1] + quad[2]) // 2)
                cut = rng.uniform(0.1, 0.4)
                ends = [tuple((mid[0] + (mid[1] - mid[0]) * s).astype(int).tolist()) for s in (cut, 1 - cut)]
                cv2.line(picture, *ends, color, max(1, 5 - depth), cv2.LINE_AA)
        cv2.polylines(picture, [inner.astype(np.int32)], True, (base * 0.35).tolist(), max(1, 3 - depth // 2), cv2.LINE_AA)
        if depth % int(rng.integers(2, 4)) == 0:
            cv2.polylines(picture, [inner.astype(np.int32)], True, accent.tolist(), max(1, 3 - depth // 3), cv2.LINE_AA)
    cv2.fillPoly(picture, [rings[-1].astype(np.int32)], (0.5 + 0.5 * accent).tolist(), cv2.LINE_AA)
    picture += 0.9 * blur(np.maximum(picture - 0.42, 0), 6) + 0.5 * blur(np.maximum(picture - 0.5, 0), 18)
    return blur(picture, rng.uniform(0, 1.8))


def studio(rng: np.random.Generator) -> np.ndarray:
    """A seamless paper backdrop with a soft spot, floor line, sometimes light stands or softboxes."""
    color = hue(rng, rng.random(), 0, rng.choice([0.04, 0.1, 0.45]), rng.uniform(0.3, 0.92))
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    centre = WIDTH_PX * rng.uniform(0.3, 0.7), HEIGHT_PX * rng.uniform(0.25, 0.6)
    spot = np.exp(-(((x - centre[0]) / 190) ** 2 + ((y - centre[1]) / 130) ** 2) * rng.uniform(0.6, 1.6))
    picture = blank(color) * (0.45 + 0.62 * spot)[..., None]
    floor = np.clip((y - HEIGHT_PX * rng.uniform(0.78, 0.92)) / 14, 0, 1)
    picture = lay(picture, floor, picture * rng.uniform(1.08, 1.3))
    for side in (0, 1):
        if rng.random() < 0.45:
            left = int(rng.uniform(-20, 30) if side == 0 else WIDTH_PX - rng.uniform(50, 90))
            top = int(rng.uniform(-10, 50))
            cv2.line(picture, (left + 30, top), (left + 30, HEIGHT_PX), (0.05, 0.05, 0.05), 3, cv2.LINE_AA)
            cv2.rectangle(picture, (left, top), (left + 60, top + 80), (0.04, 0.04, 0.04), -1)
            cv2.rectangle(picture, (left + 4, top + 4), (left + 56, top + 76), (1.0, 0.98, 0.93), -1)
    picture += 0.4 * blur(np.maximum(picture - 0.9, 0) * 6, 12)
    return blur(picture, rng.uniform(0.5, 2.5))


def space(rng: np.random.Generator) -> np.ndarray:
    """Stars, nebula clouds in two colours and sometimes a planet with a lit edge."""
    first, second = hue(rng, rng.choice([0.62, 0.75, 0.9, 0.5]), 0.03, 0.75, 0.8), hue(rng, rng.choice([0.55, 0.95, 0.08, 0.8]), 0.03, 0.7, 0.8)
    dust = np.clip(clouds(rng, 2, 6) - 0.36, 0, 1) * 2
    other = np.clip(clouds(rng, 3, 5) - 0.42, 0, 1) * 2
    picture = blank((0.012, 0.014, 0.03)) + 0.75 * (dust**1.6)[..., None] * first + 0.65 * (other**1.8)[..., None] * second
    stars = np.where(rng.random((HEIGHT_PX, WIDTH_PX)) > 0.994, rng.random((HEIGHT_PX, WIDTH_PX)) ** 2, 0).astype(np.float32)
    picture += stars[..., None] + 2.5 * blur(np.where(stars > 0.72, stars, 0).astype(np.float32), 1.4)[..., None]
    if rng.random() < 0.7:
        radius, centre = rng.uniform(25, 120), rng.uniform((0, 0), (WIDTH_PX, HEIGHT_PX))
        y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        dx, dy = (x - centre[0]) / radius, (y - centre[1]) / radius
        depth = np.sqrt(np.maximum(0, 1 - dx**2 - dy**2))
        sun = rng.uniform(-1, 1, 2)
        lit = np.clip((dx * sun[0] + dy * sun[1] + 0.35 * depth) / (np.hypot(*sun) + 0.3), 0.02, 1)
        band = cv2.warpAffine(clouds(rng, 6, 4, 0.4), np.float32([[1, 0.3, 0], [0.2, 1, 0]]), (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT)
        ball = lit[..., None] * (hue(rng, rng.random(), 0, 0.5, 0.95) * (0.6 + 0.7 * band[..., None]))
        picture = lay(picture, np.clip((1 - np.hypot(dx, dy)) * radius, 0, 1), ball)
        picture += 0.35 * np.exp(-np.maximum(0, np.hypot(dx, dy) - 1) * 14)[..., None] * lit[..., None] * first
    return blur(picture, rng.uniform(0, 0.9))


PAINTERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "city night": city_night, "forest": forest, "beach": beach, "sci-fi": sci_fi, "studio": studio, "space": space}


def paint_scene(name: str, rng: np.random.Generator) -> np.ndarray:
    """One variant of a named scene: u8 [224,384,3] RGB."""
    picture = PAINTERS[name](rng)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return (255 * np.clip(picture, 0, 1) + 0.5).astype(np.uint8)
