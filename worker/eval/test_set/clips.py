# SPDX-License-Identifier: Apache-2.0
"""One test clip as the scorers see it: source pictures, true targets, parts, motion.

Called by run.py, one clip in memory at a time (about 120 MB for 48 frames). Invariant: source and true target
differ only where the task changes something; both are u8 at the size of a real stream.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.eval.measures.warp import full_flow
from mirage_lsd.worker.eval.test_set.tasks import Task, prompt_of, task_of
from mirage_lsd.worker.eval.test_set.test_set import LOOKS, TestSet, TestSetError
from mirage_lsd.worker.models.conditions import SCENES

SKIN, FACE, HAIR, UPPER, LOWER, OTHER = 1, 2, 3, 4, 5, 6
GARMENTS = (UPPER, LOWER, OTHER)
CAMERA_PX = 0.6  # a frame, for every second clip: somebody holds the camera


@dataclass(frozen=True)
class LookFrames:
    """One look. rgba u8 T x [H,W,4] (BGRA); labels u8 T x [H,W]; flow f16 [T,H/4,W/4,2] px."""

    rgba: list[np.ndarray]
    labels: list[np.ndarray]
    flow: np.ndarray


@dataclass(frozen=True)
class Clip:
    """behind, scene: u8 T x [H,W,3] BGR; source u8 T x [H,W,4] BGRA; target u8 T x [H,W,3] BGR: the true edit."""

    index: int
    task: Task
    words: dict
    worn: LookFrames
    asked: LookFrames
    scene_name: str
    scene: np.ndarray
    source: list[np.ndarray]
    target: list[np.ndarray]
    drift_px: tuple[float, float]

    @property
    def frames(self) -> int:
        return len(self.source)

    @property
    def prompt(self) -> str:
        return prompt_of(self.words["asked"], self.task)

    def first(self, frames: int) -> Clip:
        """The same clip, cut after so many frames."""
        return replace(self, source=self.source[:frames], target=self.target[:frames])

    def flow(self, look: LookFrames, t: int) -> np.ndarray:
        """Backward flow f32 [H,W,2] of a look's frame t, background included."""
        return full_flow(look.flow[t], look.rgba[t][..., 3], self.drift_px)


def open_clip(test_set: TestSet, index: int) -> Clip:
    """Reads and composes clip `index`. Raises TestSetError when it is not there."""
    folder = test_set.clip_folder(index)
    if not (folder / "DONE").is_file():
        raise TestSetError(f"{folder} holds no finished clip; run the evaluation again to have it rendered")
    words = json.loads((folder / "words.json").read_bytes())
    worn, asked = (_read_look(folder, name, test_set.frames) for name in LOOKS)
    pictures = np.load(test_set.folder / "backgrounds.npy", mmap_mode="r")
    scenes = np.load(test_set.folder / "scenes.npy", mmap_mode="r")
    place = index % len(SCENES)
    drift = camera_drift(index)
    size = worn.labels[0].shape
    behind = [backdrop(pictures[index % len(pictures)], size, drift, t) for t in range(test_set.frames)]
    return Clip(
        index, task_of(index), words, worn, asked, SCENES[place],
        backdrop(scenes[place, index // len(SCENES) % scenes.shape[1]], size, (0.0, 0.0), 0),
        [cv2.cvtColor(over(front, back), cv2.COLOR_BGR2BGRA) for front, back in zip(worn.rgba, behind, strict=True)],
        [over(front, back) for front, back in zip(asked.rgba, behind, strict=True)], drift,
    )  # fmt: skip


def camera_drift(index: int) -> tuple[float, float]:
    """How the background moves, px a frame."""
    if index % 2 == 0:
        return 0.0, 0.0
    angle = 2.4 * index
    return float(CAMERA_PX * np.cos(angle)), float(CAMERA_PX * np.sin(angle))


def backdrop(picture: np.ndarray, size: tuple[int, int], drift_px: tuple[float, float], t: int) -> np.ndarray:
    """A background picture u8 RGB filling [H,W] at time t, u8 BGR."""
    height, width = size
    zoom = 0.9 * min(picture.shape[1] / width, picture.shape[0] / height)
    left = (picture.shape[1] - zoom * width) / 2 - zoom * drift_px[0] * t
    top = (picture.shape[0] - zoom * height) / 2 - zoom * drift_px[1] * t
    matrix = np.float32([[zoom, 0, left], [0, zoom, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    filled = cv2.warpAffine(np.asarray(picture), matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return cv2.cvtColor(filled, cv2.COLOR_RGB2BGR)


def over(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """u8 BGRA with straight alpha over u8 BGR."""
    alpha = front[..., 3].astype(np.float32) * (1.0 / 255.0)
    return cv2.blendLinear(np.ascontiguousarray(front[..., :3]), behind, alpha, 1.0 - alpha)


def _read_look(folder: Path, name: str, frames: int) -> LookFrames:
    rgba = [cv2.imread(str(folder / f"{name}_{t:03}.png"), cv2.IMREAD_UNCHANGED) for t in range(frames)]
    labels = [cv2.imread(str(folder / f"{name}_{t:03}_labels.png"), cv2.IMREAD_UNCHANGED) for t in range(frames)]
    if any(picture is None for picture in (*rgba, *labels)):
        raise TestSetError(f"{folder} is damaged; delete it and run the evaluation again")
    return LookFrames(rgba, labels, np.load(folder / f"{name}_flow.npy"))
