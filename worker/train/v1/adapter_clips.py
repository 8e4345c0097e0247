# SPDX-License-Identifier: Apache-2.0
"""Pairs of neighbouring frames out of video files, for training v1's temporal adapters.

Called by adapters.py on the training thread. A clip is read once, shrunk to the training size and kept as bytes.
"""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from mirage_lsd.shared.errors import MirageError

_ENDINGS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")


class ClipError(MirageError):
    """There is nothing to train on. Codes: clips_missing, clip_unreadable."""

    code = "clips_missing"


class Clips:
    """Every video of a folder at one size."""

    def __init__(self, folder: Path, size_px: tuple[int, int], most_frames: int = 240):
        """size_px: (width, height); most_frames: of each video, from its start."""
        paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _ENDINGS) if folder.is_dir() else []
        if not paths:
            raise ClipError(f"{folder} holds no videos ({', '.join(_ENDINGS)}); give a folder of clips of people")
        self._clips = [read_clip(path, size_px, most_frames) for path in paths]
        self.frames = sum(len(clip) for clip in self._clips)

    def pairs(self, batch: int, generator: np.random.Generator, furthest: int = 2) -> tuple[Tensor, Tensor]:
        """(before, now), each [batch,3,h,w] RGB 0..1, 1 to `furthest` frames apart, mirrored half of the time."""
        before, now = [], []
        for _ in range(batch):
            clip = self._clips[int(generator.integers(len(self._clips)))]
            apart = int(generator.integers(1, min(furthest, len(clip) - 1) + 1))
            first = int(generator.integers(len(clip) - apart))
            pair = clip[[first, first + apart]]
            if generator.random() < 0.5:
                pair = pair[:, :, ::-1]
            before.append(pair[0])
            now.append(pair[1])
        return _as_pictures(before), _as_pictures(now)


def read_clip(path: Path, size_px: tuple[int, int], most_frames: int) -> np.ndarray:
    """uint8 [frames,h,w,3] RGB, cropped to the training aspect. Raises ClipError for fewer than two frames."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while len(frames) < most_frames:
        found, frame = video.read()
        if not found:
            break
        frames.append(cv2.cvtColor(cv2.resize(_cropped(frame, size_px), size_px, interpolation=cv2.INTER_AREA),
                                   cv2.COLOR_BGR2RGB))
    video.release()
    if len(frames) < 2:
        raise ClipError(f"{path} gave {len(frames)} frames; it is damaged or no video, take it out of the folder",
                        "clip_unreadable")
    return np.stack(frames)


def _cropped(frame: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """The middle of a frame at the training aspect."""
    height, width = frame.shape[:2]
    wide = min(width, round(height * size_px[0] / size_px[1]))
    high = min(height, round(width * size_px[1] / size_px[0]))
    left, top = (width - wide) // 2, (height - high) // 2
    return frame[top : top + high, left : left + wide]


def _as_pictures(frames: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255.0
