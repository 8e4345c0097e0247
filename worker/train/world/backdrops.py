# SPDX-License-Identifier: Apache-2.0
"""Background pictures of a split: photographs (crops, flips, colour, blur) and painted rooms, plus scenes.

Called by generate.py. Invariant: a source photograph belongs to one split only, chosen by its place in
the sorted list of files, so train, val and test backgrounds are disjoint.
"""

from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.train.world.canvas import HEIGHT_PX, WIDTH_PX, blur, hue
from mirage_lsd.worker.train.world.scenes import SCENES, paint_scene

SHARE = {"train": range(0, 8), "val": range(8, 9), "test": range(9, 10)}
PHOTO_SHARE = 0.65


def split_photos(photos: Path | None, split: str) -> list[Path]:
    """The photograph files of one split; sizes of one wallpaper (same folder) stay together."""
    if photos is None:
        return []
    found = sorted(p for p in photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    sources: dict[str, Path] = {}
    for path in found:
        key = str(path.parent.parent if path.parent.name.startswith("images") else path)
        if path.stem != "screenshot" and path.stat().st_size > sources.get(key, path).stat().st_size - 1:
            sources[key] = path
    keys = sorted(sources)
    order = np.random.default_rng(5).permutation(len(keys))
    return [sources[keys[i]] for place, i in enumerate(order) if place % 10 in SHARE[split]]


def load_photos(photos: Path | None, split: str) -> list[np.ndarray]:
    """Photographs of a split as u8 RGB, at most about 800 px wide."""
    pictures = []
    for path in split_photos(photos, split):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None or min(picture.shape[:2]) < HEIGHT_PX:
            continue
        scale = 760 / picture.shape[1]
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if picture.shape[0] >= 240 and picture.shape[1] >= 400:
            pictures.append(picture[..., ::-1])
    return pictures


def photo_backdrop(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A random crop, flipped, recoloured and blurred: f32 [224,384,3]."""
    height, width = picture.shape[:2]
    largest = min(width, int(height * WIDTH_PX / HEIGHT_PX))
    w = int(rng.uniform(min(0.5 * largest, 300), largest))
    h = int(w * HEIGHT_PX / WIDTH_PX)
    x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    crop = (
        cv2.resize(picture[y : y + h, x : x + w], (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
        / 255
    )
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    grey = crop.mean(-1, keepdims=True)
    crop = grey + (crop - grey) * rng.uniform(0.5, 1.2)
    crop = np.clip(crop * rng.uniform(0.7, 1.15) * (1 + rng.normal(0, 0.05, 3)), 0, 1) ** rng.uniform(
        0.75, 1.25
    )
    return blur(crop.astype(np.float32), rng.choice([0, rng.uniform(0.5, 2), rng.uniform(2, 6)]))


def _box(
    picture: np.ndarray, x: float, y: float, w: float, h: float, color: np.ndarray, thickness: int = -1
) -> None:
    cv2.rectangle(
        picture, (int(x), int(y)), (int(x + w), int(y + h)), np.asarray(color, float).tolist(), thickness
    )


def _shelf(rng: np.random.Generator, picture: np.ndarray) -> None:
    x, y, w = rng.uniform(-40, 270), rng.uniform(-20, 60), rng.uniform(100, 240)
    wood, rows = hue(rng, 0.08, 0.02, 0.5, rng.uniform(0.2, 0.8)), int(rng.integers(2, 5))
    pitch = rng.uniform(38, 66)
    _box(picture, x, y, w, rows * pitch, wood * 0.5)
    for row in range(rows):
        at, floor = x + 3, y + (row + 1) * pitch - 4
        while at < x + w - 8:
            width, height = rng.uniform(3, 11), rng.uniform(0.45, 0.85) * pitch
            _box(
                picture,
                at,
                floor - height,
                width,
                height,
                hue(rng, rng.random(), 0, rng.uniform(0, 0.8), rng.uniform(0.2, 0.95)),
            )
            at += width + (1 if rng.random() < 0.85 else rng.uniform(8, 30))
        _box(picture, x - 2, floor, w + 4, 4, wood)


def _window(rng: np.random.Generator, picture: np.ndarray) -> None:
    x, y, w, h = rng.uniform(-30, 270), rng.uniform(-20, 30), rng.uniform(90, 200), rng.uniform(110, 190)
    sky = hue(rng, 0.57, 0.03, rng.uniform(0.05, 0.5), rng.choice([0.98, 0.85, 0.12]))
    _box(picture, x, y, w, h, sky)
    _box(picture, x, y + h * 0.65, w, h * 0.35, sky * np.array([0.65, 0.75, 0.55]))
    frame = hue(rng, 0.1, 0.02, 0.1, rng.uniform(0.3, 0.98))
    _box(picture, x, y, w, h, frame, 5)
    _box(picture, x + w / 2 - 2, y, 4, h, frame)
    if rng.random() < 0.6:
        cloth = hue(rng, rng.random(), 0, rng.uniform(0.05, 0.6), rng.uniform(0.3, 0.95))
        for left in (x - 16, x + w - 10):
            for strip in range(13):
                _box(picture, left + 2 * strip, y - 8, 2, h + 50, cloth * (0.82 + 0.18 * np.sin(strip * 1.7)))


def _poster(rng: np.random.Generator, picture: np.ndarray) -> None:
    x, y, w, h = rng.uniform(0, 320), rng.uniform(-5, 90), rng.uniform(40, 110), rng.uniform(40, 120)
    _box(picture, x, y, w, h, hue(rng, rng.random(), 0, rng.uniform(0, 0.8), rng.uniform(0.2, 0.95)))
    for _ in range(rng.integers(1, 7)):
        cv2.circle(
            picture,
            (int(x + rng.uniform(0.2, 0.8) * w), int(y + rng.uniform(0.2, 0.8) * h)),
            int(rng.uniform(3, w / 4)),
            hue(rng, rng.random(), 0, 0.6, rng.uniform(0.3, 1)).tolist(),
            -1,
            cv2.LINE_AA,
        )
    _box(picture, x, y, w, h, hue(rng, 0.1, 0.1, 0.3, rng.uniform(0.05, 0.9)), 3)


def _monitor(rng: np.random.Generator, picture: np.ndarray) -> None:
    x, y, w = rng.uniform(0, 260), rng.uniform(60, 130), rng.uniform(80, 150)
    _box(picture, x, y, w, w * 0.58, (0.03, 0.03, 0.035))
    _box(picture, x + 3, y + 3, w - 6, w * 0.58 - 6, hue(rng, rng.random(), 0, 0.5, rng.uniform(0.3, 0.9)))
    for line in range(6):
        _box(picture, x + 8, y + 9 + 7 * line, rng.uniform(10, w - 18), 2, (0.9, 0.92, 0.95))


def _lamp(rng: np.random.Generator, picture: np.ndarray) -> None:
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    centre = rng.uniform((0, 10), (WIDTH_PX, 110))
    glow = np.exp(-np.hypot(x - centre[0], y - centre[1]) / rng.uniform(12, 50))
    picture += glow[..., None] * hue(rng, rng.choice([0.1, 0.1, rng.random()]), 0.02, 0.5, 0.9)


def room(rng: np.random.Generator) -> np.ndarray:
    """A painted room: wall, floor, furniture, window, light falling off to one side: f32 [224,384,3]."""
    wall = hue(rng, rng.random(), 0, rng.choice([0.05, 0.15, 0.4]), rng.uniform(0.2, 0.95))
    side = np.linspace(rng.uniform(0.6, 1.1), rng.uniform(0.6, 1.1), WIDTH_PX, dtype=np.float32)[
        None, :, None
    ]
    picture = np.ones((HEIGHT_PX, WIDTH_PX, 3), np.float32) * wall
    if rng.random() < 0.3:
        picture[:, (np.arange(WIDTH_PX) // int(rng.integers(8, 30))) % 2 == 0] *= 0.93
    _box(picture, 0, rng.uniform(170, 260), WIDTH_PX, 100, hue(rng, 0.08, 0.03, 0.4, rng.uniform(0.2, 0.7)))
    makers = (_shelf, _window, _poster, _poster, _monitor, _lamp)
    for index in rng.permutation(len(makers))[: rng.integers(2, 7)]:
        makers[index](rng, picture)
    picture = picture * side + rng.normal(0, 0.004, picture.shape).astype(np.float32)
    return blur(
        picture.astype(np.float32), rng.choice([rng.uniform(0.4, 1), rng.uniform(1, 3), rng.uniform(3, 7)])
    )


def write_backdrops(
    out_dir: Path, split: str, seed: int, count: int, variants: int, photos: Path | None
) -> None:
    """Write backgrounds.npy u8 [count,224,384,3] and scenes.npy u8 [6,variants,224,384,3]."""
    offset = {"train": 0, "val": 1, "test": 2}[split]
    rng = np.random.default_rng((seed, offset, 77))
    sources = load_photos(photos, split)
    pictures = np.zeros((count, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for index in range(count):
        use_photo = sources and rng.random() < PHOTO_SHARE
        picture = photo_backdrop(rng, sources[rng.integers(len(sources))]) if use_photo else room(rng)
        pictures[index] = (255 * np.clip(picture, 0, 1) + 0.5).astype(np.uint8)
    scenes = np.zeros((len(SCENES), variants, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for place, name in enumerate(SCENES):
        for variant in range(variants):
            scenes[place, variant] = paint_scene(name, np.random.default_rng((seed, offset, place, variant)))
    np.save(out_dir / "backgrounds.npy", pictures)
    np.save(out_dir / "scenes.npy", scenes)
