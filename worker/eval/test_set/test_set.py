# SPDX-License-Identifier: Apache-2.0
"""The test set on disk: rendered once, then read clip by clip.

Called by run.py. Folder: <data>/eval-<seed>-<frames>-<digest of the code that renders it>/, in it backgrounds.npy,
scenes.npy and clip_000/, … with PNGs and flow. Invariant: a clip's folder has a DONE file or is made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.eval.test_set.tasks import TASKS

log = logging.getLogger(__name__)
LOOKS = ("worn", "asked")
SCENE_VARIANTS = 2
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)


class TestSetError(MirageError):
    """The test set cannot be made or read."""

    __test__ = False
    code = "bad_test_set"


class TestSet:
    """A folder of rendered clips; `ensure` makes those that are missing."""

    __test__ = False

    def __init__(self, data: Path, seed: int, frames: int, photos: Path | None = None) -> None:
        self.seed, self.frames, self._photos = seed, frames, photos
        self.folder = data / f"eval-{seed}-{frames}-{code_digest()}{'-photos' if photos else ''}"

    def clip_folder(self, index: int) -> Path:
        return self.folder / f"clip_{index:03}"

    def ensure(self, clips: int) -> None:
        """Renders what is not there yet. Raises TestSetError when the training extra is missing."""
        missing = [i for i in range(clips) if not (self.clip_folder(i) / "DONE").is_file()]
        if not missing and (self.folder / "scenes.npy").is_file():
            return
        try:
            from mirage_lsd.worker.eval.test_set.render_set import ClipRenderer
            from mirage_lsd.worker.train.world.backdrops import write_backdrops
        except ImportError as error:
            raise TestSetError(f"the test set has to be rendered, and {error.name} is not installed: "
                               "pip install 'mirage-lsd[train]'") from error
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "scenes.npy").is_file():
            write_backdrops(self.folder, "test", self.seed, len(TASKS), SCENE_VARIANTS, self._photos)
        renderer = ClipRenderer()
        for index in missing:
            log.info("rendering test clip %d of %d", index + 1, clips)
            words, shots = renderer.clip(self.seed, index, self.frames)
            write_clip(self.clip_folder(index), words, shots)


def write_clip(folder: Path, words: list[dict], shots: list[list]) -> None:
    """One clip as files; DONE comes last."""
    from mirage_lsd.worker.train.world.generate import small_flow

    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in zip(LOOKS, shots, strict=True):
        for t, shot in enumerate(drawn):
            cv2.imwrite(str(folder / f"{name}_{t:03}.png"), cv2.cvtColor(shot.rgba, cv2.COLOR_RGBA2BGRA), _PNG)
            cv2.imwrite(str(folder / f"{name}_{t:03}_labels.png"), shot.labels, _PNG)
        np.save(folder / f"{name}_flow.npy", np.stack([small_flow(shot.flow, shot.rgba[..., 3]) for shot in drawn]))
    (folder / "words.json").write_text(json.dumps(dict(zip(LOOKS, words, strict=True)), indent=1))
    (folder / "DONE").write_text("")


def code_digest() -> str:
    """Eight hex digits that change when the code that makes the pictures does."""
    here = Path(__file__).parent
    world = here.parents[1] / "train" / "world"
    files = [here / f"{name}.py" for name in ("tasks", "dress", "render_set", "test_set")]
    files += sorted(path for path in world.rglob("*") if path.suffix in (".py", ".frag", ".vert"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
