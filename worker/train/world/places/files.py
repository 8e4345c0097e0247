# SPDX-License-Identifier: Apache-2.0
"""Writes the scene pictures that ship with the filter; run by developers.

    python -m mirage_lsd.worker.train.world.places.files [FOLDER]

Invariant: the pictures depend on nothing but this code; variant 0 of a scene is what seed 0 shows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.paint.scenes import SCENES_DIR
from mirage_lsd.worker.train.world.places import beach, city, film, forest, scifi, space, studio

QUALITY = 90
# scene -> its variants (painter, seed), chosen by eye
VARIANTS = {
    "city night": ((city.skyline, 4), (city.street, 1)),
    "forest": ((forest.mist, 1), (forest.glade, 1)),
    "beach": ((beach.lagoon, 3), (beach.sunset, 1)),
    "sci-fi": ((scifi.corridor, 1), (scifi.bridge, 2)),
    "studio": ((studio.room, 1), (studio.paper, 1)),
    "space": ((space.nebula, 1), (space.orbit, 1)),
}


def write_all(folder: Path = SCENES_DIR) -> list[Path]:
    """Every variant of every scene as WebP; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, painters in VARIANTS.items():
        for number, (paint, seed) in enumerate(painters):
            picture = film.develop(paint(np.random.default_rng(seed)), seed=seed)
            path = folder / f"{name.replace(' ', '-')}_{number}.webp"
            cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
            written.append(path)
    return written


if __name__ == "__main__":
    for file in write_all(*map(Path, sys.argv[1:2])):
        print(file, file.stat().st_size)
