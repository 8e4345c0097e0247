# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd presets thumbnails`: the shipped presets' pictures, drawn by our own model from one picture of a person.

Called by the command line, again after every training. Invariants: every shipped preset has one, named after its id,
and no other file stays in the folder; all together they are small enough to ship.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.look import OWN_SEED, Preset
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.presets.presets import THUMBNAILS, load_library
from mirage_lsd.worker.programs.pictures import over

SIZE_PX = (176, 99)
DRAWN_PX = (640, 360)
FRAMES = 8
CHECK_PX, CHECKS = 32, (235, 195)
MAX_BYTES = 400_000
JPEG_QUALITY = 82


class ThumbnailError(MirageError):
    """The thumbnails cannot be made. Codes: no_picture, too_large."""

    code = "no_picture"


def run(options) -> int:
    """Draws every shipped preset into options.out."""
    folder, person = options.out or THUMBNAILS, _person(options.picture)
    presets = load_library()
    host = EngineHost()
    host.load()
    pipeline = host.new_pipeline(live=False)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    for preset in presets.values():
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(str(path_of(preset.id, folder)), drawn(pipeline, person, preset), quality)
    size_bytes = sum(path_of(preset_id, folder).stat().st_size for preset_id in presets)
    if size_bytes > MAX_BYTES:
        raise ThumbnailError(f"{size_bytes} bytes of thumbnails, at most {MAX_BYTES} may ship", "too_large")
    print(f"{len(presets)} thumbnails, {size_bytes} bytes → {folder}")
    return 0


def path_of(preset_id: str, folder: Path = THUMBNAILS) -> Path:
    """Where a preset's thumbnail is."""
    return folder / f"{preset_id}.jpg"


def drawn(pipeline: Pipeline, person: np.ndarray, preset: Preset) -> np.ndarray:
    """person: uint8 [h, w, 4] BGRA → uint8 [99, 176, 3] BGR in the preset's look, after the stream has settled."""
    seed = StreamSettings.seed if preset.seed == OWN_SEED else preset.seed
    settings = StreamSettings(layers=preset.layers(), strength=preset.strength, seed=seed, steps=5)
    pipeline.reset()
    for _ in range(FRAMES):
        picture = pipeline.restyle(person, settings)
    return cv2.resize(over(picture, checkerboard(DRAWN_PX))[..., :3], SIZE_PX, interpolation=cv2.INTER_AREA)


def checkerboard(size_px: tuple[int, int]) -> np.ndarray:
    """uint8 [h, w, 3]: what editors of pictures show where a picture is transparent."""
    columns, rows = (np.arange(side) // CHECK_PX % 2 for side in size_px)
    light = np.where(columns[None, :] ^ rows[:, None], CHECKS[0], CHECKS[1]).astype(np.uint8)
    return cv2.cvtColor(light, cv2.COLOR_GRAY2BGR)


def _person(path: Path | None) -> np.ndarray:
    """uint8 [360, 640, 4] BGRA: the middle of the picture, cut to 16:9 from the top."""
    if path is not None:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise ThumbnailError(f"{path} cannot be read as a picture")
    else:
        try:
            from skimage import data
        except ImportError as error:
            raise ThumbnailError("scikit-image is missing: install the [train] extra or give --picture") from error
        picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    height_px, width_px = picture.shape[:2]
    wanted_px = min(height_px, width_px * DRAWN_PX[1] // DRAWN_PX[0])
    picture = cv2.resize(picture[:wanted_px, : wanted_px * DRAWN_PX[0] // DRAWN_PX[1]], DRAWN_PX)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
