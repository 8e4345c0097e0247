# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1 with a tiny random checkpoint on the CPU, and streams of it on real rings: what its tests share."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import TINY, V1, StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.hosts.models_host import Choice
from mirage_lsd.worker.hosts.v1_host import V1Host, V1Options
from mirage_lsd.worker.state import StreamState
from mirage_lsd.worker.stream import Stream
from mirage_lsd.worker.v1.frame.context import V1Context
from mirage_lsd.worker.v1.frame.look import prompt_look

SIZE_PX = (96, 72)
WORKING_PX = (64, 64)
SETTINGS = StreamSettings(model=V1, prompt="a red coat", steps=2, device="cpu")


def new_host(**options) -> V1Host:
    """A loaded host."""
    given = {"checkpoint": "random:tiny-random", "device": "cpu", "working_px": WORKING_PX, **options}
    host = V1Host(V1Options(**given))
    host.load()
    return host


class OneModel:
    """Stands for ModelsHost where there is one model, already loaded."""

    def __init__(self, host: V1Host) -> None:
        self.host = host

    def choose(self, settings: StreamSettings) -> Choice:
        return Choice(self.host) if self.host.ready else Choice(None, self.host.text)


def pictures(count: int, size_px: tuple[int, int] = SIZE_PX, shift_px: int = 2) -> list[np.ndarray]:
    """A picture that moves to the right, uint8 [h, w, 4] BGRA."""
    base = np.random.default_rng(3).integers(0, 255, (6, 8, 4), np.uint8)
    whole = cv2.resize(base, size_px, interpolation=cv2.INTER_CUBIC)
    whole[..., 3] = 255
    return [np.ascontiguousarray(np.roll(whole, index * shift_px, axis=1)) for index in range(count)]


class RingStream:
    """One stream of a host on rings in a folder; `send` a picture, `show` what came out."""

    def __init__(self, models, folder: Path, settings: StreamSettings = SETTINGS, size_px=SIZE_PX) -> None:
        self.rings = [Ring.create(str(folder / name), *size_px) for name in ("in", "out")]
        state = StreamState(1, 0, "in", "out", settings, 1)
        self.stream = Stream(state, models, lambda name: str(folder / name))
        self.sent = 0

    def __enter__(self) -> RingStream:
        return self

    def __exit__(self, *_error) -> None:
        self.stream.close()
        for ring in self.rings:
            ring.close()

    def change(self, **settings) -> None:
        """New settings from the next frame on."""
        state = self.stream.state
        changed = replace(state.settings, **settings)
        self.stream.update(replace(state, settings=changed, generation=state.generation + 1))

    def send(self, picture: np.ndarray) -> bool:
        """Writes a picture and queues its stages; False where the source is to be shown instead."""
        self.sent += 1
        height_px, width_px = picture.shape[:2]
        now_ns = time.monotonic_ns()
        header = FrameHeader(self.sent, now_ns, width_px, height_px, width_px * 4, mapped_ns=now_ns)
        self.rings[0].write(header, picture)
        self.read_prompt()
        job = self.stream.take_newest()
        if job is None:
            return False
        self.stream.run(job)
        return True

    def read_prompt(self) -> None:
        """Waits until the prompt is read, so that the next picture is in its look."""
        if self.stream.choose() and isinstance(self.stream.pipeline.model, V1Context):
            self.stream.pipeline.model.prompt.wait_for(prompt_look(self.stream.state.settings))

    def show(self) -> np.ndarray:
        """The newest result, copied."""
        view = self.rings[1].newest()
        assert view.header.frame_id == self.sent, (view.header.frame_id, self.sent)
        return np.frombuffer(view.pixels, np.uint8).reshape(view.header.height_px, view.header.width_px, 4).copy()

    def play(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        """Every result of these pictures."""
        return [self.show() for picture in frames if self.send(picture)]


__all__ = ["SETTINGS", "SIZE_PX", "TINY", "WORKING_PX", "OneModel", "RingStream", "new_host", "pictures"]
