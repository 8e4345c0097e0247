# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd run IN OUT`: restyles a video file with the same stages the filter uses.

Called by the command line. Invariant: every frame is rendered, in order; nothing is dropped.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.frame import FrameHeader
from mirage_lsd.shared.look import OWN_SEED
from mirage_lsd.shared.settings import StreamSettings
from mirage_lsd.worker.engine_host import EngineHost
from mirage_lsd.worker.looks import look_for
from mirage_lsd.worker.pipelines import build
from mirage_lsd.worker.presets import find, load_presets
from mirage_lsd.worker.stages.base import Job

FALLBACK_FPS = 30.0


class VideoFileError(MirageError):
    """A video file cannot be read or written."""

    code = "bad_video"


class Restyler:
    """The lsd pipeline for pictures in memory: BGRA in, BGRA out."""

    def __init__(self, host: EngineHost) -> None:
        self._stages = build("lsd", host)
        self._frame_id = 0

    def __call__(self, source, settings: StreamSettings):
        """source: uint8 [h, w, 4] BGRA → uint8 [h, w, 4] BGRA in the look of `settings`."""
        self._frame_id += 1
        height_px, width_px = source.shape[:2]
        header = FrameHeader(self._frame_id, time.monotonic_ns(), width_px, height_px, width_px * 4)
        job = Job(header, settings, 0, source)
        for stage in self._stages:
            job = stage(job)
        return job.output

    def reset(self) -> None:
        """Forgets the history: the next picture starts a new stream."""
        for stage in self._stages:
            stage.reset()


def run(options) -> int:
    """Restyles options.input into options.output; returns how many frames were written."""
    preset = find(load_presets().by_id, options.preset) if options.preset else None
    settings = StreamSettings(
        layers=preset.layers() if preset else (),
        prompt=options.prompt,
        strength=options.strength * (preset.strength if preset else 1.0),
        seed=preset.seed if preset and preset.seed != OWN_SEED else StreamSettings.seed,
        steps=options.steps,
    )
    look_for(settings)
    reader = _reader(options.input)
    fps = reader.get(cv2.CAP_PROP_FPS) or FALLBACK_FPS
    size_px = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(str(options.output), cv2.VideoWriter_fourcc(*"mp4v"), fps, size_px)
    if not writer.isOpened():
        raise VideoFileError(f"{options.output} cannot be written; choose a folder you may write to and end in .mp4")
    host = EngineHost()
    host.load()
    restyle, frames = Restyler(host), 0
    while not options.frames or frames < options.frames:
        more, picture = reader.read()
        if not more:
            break
        writer.write(restyle(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), settings)[..., :3])
        frames += 1
    writer.release()
    print(f"{frames} frames → {options.output}")
    return frames


def _reader(path: Path) -> cv2.VideoCapture:
    reader = cv2.VideoCapture(str(path))
    if not reader.isOpened():
        reason = "it does not exist" if not path.exists() else "OpenCV finds no video in it"
        raise VideoFileError(f"{path} cannot be read: {reason}")
    return reader
