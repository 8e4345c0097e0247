# SPDX-License-Identifier: Apache-2.0
"""Paints the natural scenes: forest and beach.

Called by scenes.py. Every painter takes a seeded generator and returns f32 [224,384,3] sRGB 0..1.
"""

import cv2
import numpy as np

from mirage_lsd.worker.train.world.canvas import (
    HEIGHT_PX,
    WIDTH_PX,
    blur,
    clouds,
    gradient,
    hue,
    lay,
)


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
            points = np.array(
                [[x, 0], [x + width * 0.8, 0], [x + lean + width * 1.2, HEIGHT_PX], [x + lean, HEIGHT_PX]]
            )
            bark = color * np.array([1.15, 0.9, 0.75]) * rng.uniform(0.7, 1.1)
            cv2.fillPoly(picture, [points.astype(np.int32)], bark.tolist(), cv2.LINE_AA)
        crown = np.clip(
            (clouds(rng, 4 + 2 * depth) - 0.52 + 0.30 * np.linspace(1, -1, HEIGHT_PX)[:, None]) * 9, 0, 1
        )
        picture = lay(picture, crown * (0.5 + 0.4 * t), color * (0.8 + 0.9 * clouds(rng, 24, 2)[..., None]))
        picture = blur(picture, 1.6 * (1 - t))
    floor = np.clip((np.linspace(-1, 1, HEIGHT_PX)[:, None] - 0.45 + 0.4 * (clouds(rng, 4) - 0.5)) * 6, 0, 1)
    picture = lay(picture, floor, leaf * (0.35 + 0.9 * clouds(rng, 20, 3)[..., None]))
    shafts = np.clip(
        cv2.resize(rng.random((1, 14), np.float32), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
        - 0.62,
        0,
        1,
    )
    shear = np.float32([[1, rng.uniform(-0.7, 0.7), 0], [0, 1, 0]])
    shafts = cv2.warpAffine(shafts, shear, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT)
    picture += 0.5 * shafts[..., None] * glow * np.linspace(1, 0.1, HEIGHT_PX)[:, None, None]
    return blur(picture, rng.uniform(0, 2.2))


def beach(rng: np.random.Generator) -> np.ndarray:
    """Sky with clouds or sunset, sea with glitter, foam line and sand, perhaps palms."""
    sunset = rng.random() < 0.35
    top, low = (
        (hue(rng, 0.6, 0.05, 0.5, 0.6), hue(rng, 0.07, 0.02, 0.6, 1.0))
        if sunset
        else (hue(rng, 0.57, 0.02, 0.65, 0.85), hue(rng, 0.54, 0.02, 0.18, 0.97))
    )
    horizon = int(HEIGHT_PX * rng.uniform(0.36, 0.58))
    shore = int(min(HEIGHT_PX * 0.9, horizon + HEIGHT_PX * rng.uniform(0.14, 0.32)))
    picture = gradient(top, low, 0.8)
    cloud = np.clip((clouds(rng, 3, 5, 0.8) - rng.uniform(0.45, 0.62)) * 4, 0, 1)
    picture = lay(picture, cloud * 0.8, (low * 0.5 + 0.5))
    sea = gradient(hue(rng, 0.54, 0.02, 0.7, 0.55), hue(rng, 0.48, 0.02, 0.55, 0.8))
    waves = cv2.resize(
        rng.random((HEIGHT_PX, 40), np.float32), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC
    )
    sea = (sea if not sunset else sea * 0.6 + 0.35 * low) * (0.82 + 0.34 * waves[..., None])
    rows = np.arange(HEIGHT_PX)[:, None] + 0 * np.arange(WIDTH_PX)
    picture = lay(picture, (rows >= horizon).astype(np.float32), sea)
    edge = shore + 10 * (clouds(rng, 2, 3)[:1] - 0.5) * 2 + rng.normal(0, 0.03) * np.arange(WIDTH_PX)
    sand = hue(rng, 0.11, 0.01, 0.33, 0.88) * (0.86 + 0.25 * clouds(rng, 16, 4)[..., None])
    wet = np.clip((rows - edge) / 22, 0, 1)[..., None]
    picture = lay(picture, (rows > edge).astype(np.float32), sand * (0.72 + 0.28 * wet))
    picture = lay(picture, np.exp(-(((rows - edge) / 2.6) ** 2)) * 0.9, np.float32([1, 1, 1]))
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
        frond = np.stack(
            [
                path[-1][0] + reach * t * np.cos(angle),
                path[-1][1] + reach * (0.5 * np.sin(angle) * t + 0.75 * t**2),
            ],
            1,
        ).astype(np.int32)
        cv2.polylines(picture, [frond], False, hue(rng, 0.31, 0.02, 0.7, 0.38).tolist(), 4, cv2.LINE_AA)
