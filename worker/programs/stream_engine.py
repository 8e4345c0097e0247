# SPDX-License-Identifier: Apache-2.0
"""`mirage_lsd.StreamEngine`: the filter's pipeline for Python programs.

The methods may be called from any thread; pictures are read, restyled and handed out on one thread of the engine's
own. Invariants: a setting that is refused changes nothing; what goes wrong on that thread is raised by `wait`, `stop`,
the next `start` or the end of the with block, once, and told when the program ends where nobody called them; a program
does not end before its streams do; while a model loads, or cannot be had, a camera's pictures go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import MODELS, TINY, V1, StreamSettings
from mirage_lsd.worker.hosts.model_host import ModelHost
from mirage_lsd.worker.hosts.models_host import Choice, ModelsHost
from mirage_lsd.worker.hosts.v1_loader import V1Loader
from mirage_lsd.worker.models.config import USUAL_SIZE
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.processes import program_end
from mirage_lsd.worker.programs.engine_arguments import EngineLook, StreamEngineError, settings_made, size_px_of
from mirage_lsd.worker.programs.pictures import Pictures, open_pictures, over
from mirage_lsd.worker.programs.window import Window

OnFrame = Callable[[np.ndarray], Any]
LOADING_POLL_S = 0.05


class Restyler:
    """A program's pictures through whichever model is there for their settings. text: what runs, or what is waited for.
    All but `models` and `text` belong to the engine's thread."""

    def __init__(self, v1_precision: str, stopping: threading.Event) -> None:
        self.models = ModelsHost(new_loader=partial(V1Loader, precision=v1_precision))
        self.text = "not started"
        self._stopping = stopping
        self._pipeline: Pipeline | None = None

    def __call__(self, picture: np.ndarray, settings: StreamSettings, is_live: bool) -> np.ndarray:
        """uint8 [h, w, 4] BGRA → uint8 [h, w, 3] BGR, black where it is transparent; a live picture passes untouched
        where no model is there."""
        if not is_live and settings.working_size == "auto":
            settings = replace(settings, working_size=USUAL_SIZE)  # a file has time; how fast it runs must not show
        choice = self._choose(settings, wait=not is_live)
        host, (width_px, height_px) = choice.host, picture.shape[1::-1]
        if settings.enabled and host and (not is_live or host.prepare(width_px, height_px, settings.working_size)):
            picture = self._pipeline_of(host, is_live).restyle(picture, settings)
        self.text = choice.text or host.text
        return np.ascontiguousarray(over(picture)[..., :3])

    def close(self) -> None:
        """Lets the models go."""
        self._drop_pipeline()
        self.models.close()

    def _choose(self, settings: StreamSettings, wait: bool) -> Choice:
        """The model for a picture; with `wait`, the wished one, unless it cannot be had."""
        choice = self.models.choose(settings)
        while wait and self.models.loading(settings) and not self._stopping.is_set():
            self.text = choice.text
            time.sleep(LOADING_POLL_S)
            choice = self.models.choose(settings)
        if choice.host is None and wait and not self._stopping.is_set():
            raise StreamEngineError(choice.text, "no_model")
        return choice

    def _pipeline_of(self, host: ModelHost, is_live: bool) -> Pipeline:
        if self._pipeline is None or self._pipeline.host is not host:
            self._drop_pipeline()
            self._pipeline = host.new_pipeline(is_live)
        return self._pipeline

    def _drop_pipeline(self) -> None:
        if self._pipeline is not None:
            self._pipeline.flush()
            self._pipeline = None


class StreamEngine:
    """model: "mirage-lsd-tiny", "mirage-lsd-v1", or a checkpoint for the latter (folder, file, hub id).

    device: "auto", "cpu", "cuda", "cuda:1", ... fp16: half precision on a graphics card. max_steps: denoising steps a
    frame, 1 to 5. resolution: (height, width) of the pictures handed out, None for the source's own. Further settings
    by name: prompt, preset, strength, who, who_x, who_y, seed, working_size, structure_lock, edit_region (see
    StreamSettings).
    """

    def __init__(self, model: str = TINY, device: str = "auto", fp16: bool = True, max_steps: int = 3,
                 resolution: tuple[int, int] | None = None, **settings: Any) -> None:  # fmt: skip
        chosen, checkpoint = (model, "") if model in MODELS else (V1, model)
        preset = settings.pop("preset", "")
        self._look = EngineLook(settings_made(partial(StreamSettings, model=chosen, checkpoint=checkpoint,
                                                      device=device, steps=max_steps), **settings), preset)  # fmt: skip
        self._size_px = size_px_of(resolution)
        self._stopping = threading.Event()
        self._restyler = Restyler("auto" if fp16 else "float32", self._stopping)
        self._restyler.models.check(self._look.worn)
        self._window: Window | None = None
        self._pictures: Pictures | None = None
        self._threads = futures.ThreadPoolExecutor(1, "mirage-lsd")
        self._running: futures.Future | None = None
        self._closed = False
        self._thread_id = 0
        self.frames = 0

    @property
    def settings(self) -> StreamSettings:
        """What the next picture is restyled with."""
        return self._look.worn

    @property
    def status(self) -> str:
        """What runs, or what it is waiting for, in words."""
        return self._restyler.text

    @property
    def prompt(self) -> str:
        """The words; set them at any time."""
        return self._look.worn.prompt

    @prompt.setter
    def prompt(self, words: str) -> None:
        self.update(prompt=words)

    @property
    def preset(self) -> str:
        """The preset's id; set it at any time."""
        return self._look.preset

    @preset.setter
    def preset(self, preset_id: str) -> None:
        self.update(preset=preset_id)

    def update(self, **settings: Any) -> None:
        """Changes settings from the next picture on; one that cannot be raises MirageError and changes nothing."""
        preset = settings.pop("preset", self._look.preset)
        look = EngineLook(settings_made(partial(replace, self._look.plain), **settings), preset)
        self._restyler.models.check(look.worn)
        self._look = look

    def start(self, input_source: Any = 0, on_frame: OnFrame | None = None) -> StreamEngine:
        """Starts, and returns at once. The program goes on until the stream ends, also without `wait`.

        input_source: a camera's number, a video file, a function that returns pictures until it returns None, or an
        iterable of pictures (uint8 [h, w, 3], BGR as in OpenCV). on_frame is called with each result, of the same
        kind, on the engine's thread; it ends the stream by returning False. None: `render`, a window.
        """
        if self._closed:
            raise StreamEngineError("this engine is closed; make another one", "closed")
        if self._running is not None and not self._running.done():
            raise StreamEngineError("it runs already; call stop() first", "already_started")
        self.wait()  # raises what went wrong before, if nobody has asked
        self._pictures = open_pictures(input_source, self._size_px)
        self._stopping.clear()
        self._restyler.text, self.frames = "starting", 0
        self._running = self._threads.submit(self._run, self._pictures, on_frame or self.render)
        program_end.hold(self._running, self._ask_to_stop)
        return self

    def render(self, picture: np.ndarray) -> bool:
        """Shows a picture in a window; False once the user has closed it. For start()'s on_frame."""
        if self._window is None:
            self._window = Window()
        return self._window.show(picture)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until the source or the user ends the stream; False where it still runs. Raises what went wrong."""
        if self._running is None:
            return True
        done = bool(futures.wait([self._running], timeout_s).done)
        if done:
            running, self._running = self._running, None
            program_end.let_go(running)
            running.result()
        return done

    def stop(self) -> None:
        """Ends the stream after the picture it is at. Raises what went wrong. Does not wait when on_frame calls it."""
        self._ask_to_stop()
        if threading.get_ident() != self._thread_id:
            self.wait()

    def close(self) -> None:
        """Stops, and lets the model go."""
        self._closed = True
        try:
            self.stop()
        finally:
            self._threads.submit(self._restyler.close).result()
            self._threads.shutdown()

    def __enter__(self) -> StreamEngine:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _ask_to_stop(self) -> None:
        self._stopping.set()
        if self._pictures is not None:
            self._pictures.close()

    def _run(self, pictures: Pictures, on_frame: OnFrame) -> None:
        self._thread_id = threading.get_ident()
        # A window shows a file at its own speed; whoever takes the pictures elsewhere wants them as soon as they come.
        gap_s = 1.0 / pictures.fps if pictures.fps and on_frame == self.render else 0.0
        due_s = time.monotonic()
        try:
            for picture in pictures:
                result = self._restyler(self._fitted(picture), self._look.worn, pictures.is_live)
                time.sleep(max(0.0, due_s - time.monotonic()))
                due_s = max(due_s + gap_s, time.monotonic())
                if self._stopping.is_set() or on_frame(result) is False:
                    return
                self.frames += 1
        finally:
            self._thread_id = 0
            pictures.close()
            if self._window is not None:
                self._window.close()
                self._window = None

    def _fitted(self, picture: np.ndarray) -> np.ndarray:
        if self._size_px is None or picture.shape[1::-1] == self._size_px:
            return picture
        return cv2.resize(picture, self._size_px, interpolation=cv2.INTER_AREA)
