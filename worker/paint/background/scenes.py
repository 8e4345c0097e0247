# SPDX-License-Identifier: Apache-2.0
"""The scene pictures that ship in data/scenes, fitted to a stream's size. OpenCV and numpy only.

Called by the upscale stage, on one thread. Where the files are from: data/scenes/README.md. Invariant: the same
name, variant and size give the same picture; variants go round.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.models.weights import DATA_DIR

SCENES_DIR = DATA_DIR / "scenes"


class SceneFileError(MirageError):
    """A scene picture cannot be read."""

    code = "scene_missing"


class ScenePictures:
    """Keeps the last picture fitted."""

    def __init__(self) -> None:
        self._key: object = None
        self._picture: np.ndarray | None = None

    def fitted(self, name: str, variant: int, size_px: tuple[int, int]) -> np.ndarray:
        """u8 [H,W,3] BGR of a scene, covering size_px (width, height); not to be written to."""
        key = (name, variant, size_px)
        if key != self._key:
            self._picture, self._key = cover(load_variant(name, variant), size_px), key
        return self._picture


def put_behind(picture: np.ndarray, scene: np.ndarray, strength: float) -> np.ndarray:
    """A picture u8 [H,W,4] BGRA, straight alpha, before a scene u8 [H,W,3] of this strength 0..1; changed in place and
    returned: where it was keyed (a green screen before the filter), the scene shows, and not what OBS has below."""
    alpha = cv2.extractChannel(picture, 3)
    if strength <= 0.0 or cv2.minMaxLoc(alpha)[0] == 255:
        return picture
    own = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    total = own + (1.0 - own) * np.float32(strength)
    ours, theirs = (cv2.LUT(alpha, share) for share in (own / total, 1.0 - own / total))
    color = cv2.blendLinear(cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR), scene, ours, theirs)
    cv2.cvtColor(color, cv2.COLOR_BGR2BGRA, dst=picture)
    return cv2.insertChannel(cv2.LUT(alpha, np.rint(255.0 * total).astype(np.uint8)), picture, 3)


def variants(name: str) -> list:
    """The files of one scene, in order."""
    return sorted(SCENES_DIR.glob(f"{name.replace(' ', '-')}_*.webp"))


def load_variant(name: str, variant: int) -> np.ndarray:
    """u8 [h,w,3] BGR as shipped."""
    files = variants(name)
    picture = cv2.imread(str(files[variant % len(files)]), cv2.IMREAD_COLOR) if files else None
    if picture is None:
        raise SceneFileError(f"the picture of the scene {name!r} is missing or damaged in {SCENES_DIR}; "
                             "reinstall Mirage LSD")
    return picture


def cover(picture: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """The middle of a picture, scaled so that it covers size_px; u8. Fine noise keeps smooth skies free of bands."""
    width_px, height_px = size_px
    scale = max(width_px / picture.shape[1], height_px / picture.shape[0])
    wide, high = (round(side / scale) for side in size_px)
    left, top = (picture.shape[1] - wide) // 2, (picture.shape[0] - high) // 2
    part = picture[top : top + high, left : left + wide].astype(np.float32)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(part, (width_px, height_px), interpolation=way)
    fitted += np.random.default_rng(1).random((height_px, width_px, 1), np.float32) * 2.0 - 1.0
    return np.clip(np.rint(fitted), 0, 255).astype(np.uint8)
