# SPDX-License-Identifier: Apache-2.0
"""The contract of whoever owns a model, and the host that owns none: for the pipeline that gives the source back.

Called by the worker's loop thread and by programs' threads. Invariant: whoever runs frames (stream.py, programs, the
benchmark) knows this contract only, not which model is behind it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.transport import HostTransport


class ModelHost(Protocol):
    """A model, loaded once for all streams. state: "loading", "ready" or "failed"; text: what to tell the user; model,
    device, engine: what runs; load_ms: how long loading took."""

    state: str
    text: str
    ready: bool
    model: str
    device: str
    engine: str
    load_ms: float

    def prepare(self, width_px: int, height_px: int, working_size: str) -> bool:
        """True when a frame of this size need not wait; else it is made ready in the background."""

    def new_pipeline(self, live: bool = True) -> Pipeline:
        """One stream more. live: no frame waits for what may come a frame later (a prompt, a mask)."""

    def record_frame(self, settings: StreamSettings, size_px: tuple[int, int], frame_ms: float) -> None:
        """Books a frame of a source of this size that went through the stages."""

    def running_text(self, settings: StreamSettings) -> str:
        """What the status says of a stream that runs with these settings."""

    def close(self) -> None:
        """Lets the model go."""


class Passthrough:
    """The host of no model: every frame leaves as it came. Also the whole of what its pipelines need."""

    state, text, ready = "ready", "running", True
    model, device, engine, load_ms = "", "cpu", "none", 0.0

    def prepare(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Always."""
        return True

    def new_pipeline(self, live: bool = True) -> Pipeline:
        """No stages between upload and download."""
        return Pipeline(self, self, (), HostTransport())

    def record_frame(self, settings: StreamSettings, size_px: tuple[int, int], frame_ms: float) -> None:
        """Nothing follows the pace."""

    def running_text(self, settings: StreamSettings) -> str:
        """It runs."""
        return self.text

    def fit(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Any size will do."""
        return False

    def forget(self) -> None:
        """There is no past."""

    def guarded(self) -> AbstractContextManager:
        """Nothing runs out."""
        return nullcontext()

    release = close = forget
