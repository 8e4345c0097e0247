# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from: a camera, a video file, a function, or anything that can be iterated over.

Used by `mirage-lsd run` and by the SDK, each source by one thread. Invariant: a camera gives its newest picture and
drops what was not fetched in time; all other sources give every picture, in order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError

FALLBACK_FPS = 30.0
CAMERA_SILENT_S = 5.0


class VideoFileError(MirageError):
    """A video file or camera cannot be read or written. Codes: bad_video, bad_camera, bad_picture."""

    code = "bad_video"


class Pictures:
    """Iterating gives pictures uint8 [h, w, 4] BGRA. fps: 0.0 where the source does not say; is_live: a camera."""

    fps = 0.0
    is_live = False

    def __iter__(self) -> Iterator[np.ndarray]:
        raise NotImplementedError

    def close(self) -> None:
        """Lets the source go; iterating then ends."""


class FilePictures(Pictures):
    """Every picture of a video file."""

    def __init__(self, path: Path) -> None:
        self._reader = cv2.VideoCapture(str(path))
        if not self._reader.isOpened():
            reason = "it does not exist" if not path.exists() else "OpenCV finds no video in it"
            raise VideoFileError(f"{path} cannot be read: {reason}")
        self.fps = self._reader.get(cv2.CAP_PROP_FPS) or FALLBACK_FPS
        self.size_px = tuple(int(self._reader.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH,
                                                                      cv2.CAP_PROP_FRAME_HEIGHT))  # fmt: skip
        self._closed = False

    def __iter__(self) -> Iterator[np.ndarray]:
        while not self._closed:
            more, picture = self._reader.read()
            if not more:
                return
            yield as_bgra(picture)

    def close(self) -> None:
        """Ends the iteration."""
        self._closed = True


class CameraPictures(Pictures):
    """The newest picture of a camera, fetched on a thread of its own."""

    is_live = True

    def __init__(self, index: int, size_px: tuple[int, int] | None = None) -> None:
        self._camera = cv2.VideoCapture(index)
        if not self._camera.isOpened():
            there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none was found"
            raise VideoFileError(f"camera {index} cannot be opened (cameras: {there}); is it plugged in, and not "
                                 "in use by another program?", "bad_camera")  # fmt: skip
        if size_px:
            self._camera.set(cv2.CAP_PROP_FRAME_WIDTH, size_px[0])
            self._camera.set(cv2.CAP_PROP_FRAME_HEIGHT, size_px[1])
        self._index = index
        self._fresh = threading.Condition()
        self._picture: np.ndarray | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._fetch, name="camera", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[np.ndarray]:
        while not self._closed:
            with self._fresh:
                came = self._fresh.wait_for(lambda: self._picture is not None or self._closed, CAMERA_SILENT_S)
                picture, self._picture = self._picture, None
            if not came:
                raise VideoFileError(f"camera {self._index} sends no pictures any more", "bad_camera")
            if picture is not None:
                yield as_bgra(picture)

    def close(self) -> None:
        """Ends the iteration and the thread."""
        with self._fresh:
            self._closed = True
            self._fresh.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._camera.release()

    def _fetch(self) -> None:
        while not self._closed:
            more, picture = self._camera.read()
            with self._fresh:
                if not more:
                    self._closed = True
                self._picture = picture if more else None
                self._fresh.notify_all()


class MadePictures(Pictures):
    """Pictures of a program: a function called until it returns None, or anything that can be iterated over."""

    def __init__(self, source: Callable[[], Any] | Iterable[Any]) -> None:
        self._made = _until_none(source) if callable(source) else iter(source)
        self._closed = False

    def __iter__(self) -> Iterator[np.ndarray]:
        for picture in self._made:
            if self._closed:
                return
            yield as_bgra(picture)

    def close(self) -> None:
        """Ends the iteration at the next picture."""
        self._closed = True


def _until_none(make: Callable[[], Any]) -> Iterator[Any]:
    while (picture := make()) is not None:
        yield picture


def open_pictures(source: Any, size_px: tuple[int, int] | None = None) -> Pictures:
    """source: a camera's number, a path, a function or an iterable. Raises VideoFileError."""
    if isinstance(source, int) and not isinstance(source, bool):
        return CameraPictures(source, size_px)
    if isinstance(source, (str, Path)):
        return FilePictures(Path(source))
    if callable(source) or hasattr(source, "__iter__"):
        return MadePictures(source)
    raise VideoFileError(f"{source!r} is no source of pictures; give a camera's number, a video file's path, a "
                         "function that returns pictures, or a list of them", "bad_picture")  # fmt: skip


def as_bgra(picture: Any) -> np.ndarray:
    """uint8 [h, w], [h, w, 1], [h, w, 3] BGR or [h, w, 4] BGRA → uint8 [h, w, 4] BGRA, contiguous; else
    VideoFileError."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or 0 in picture.shape:
        found = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise VideoFileError(f"a picture must be a numpy array uint8 [height, width, 3]; got {found}", "bad_picture")
    if picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 1):
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGRA)
    if picture.ndim == 3 and picture.shape[2] == 3:
        return cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
    if picture.ndim == 3 and picture.shape[2] == 4:
        return np.ascontiguousarray(picture)
    raise VideoFileError(f"a picture must have 1, 3 or 4 channels; got shape {picture.shape}", "bad_picture")


def is_opaque(picture: np.ndarray) -> bool:
    """Whether nothing shines through a picture uint8 [h, w, 4]."""
    return cv2.minMaxLoc(cv2.extractChannel(picture, 3))[0] == 255


def over(picture: np.ndarray, behind: np.ndarray | None = None) -> np.ndarray:
    """picture: uint8 [h, w, 4] BGRA, straight alpha; behind: uint8 [h, w, 3], black by default → uint8 [h, w, 4], what
    is seen, opaque. The same picture where nothing shines through."""
    if is_opaque(picture):
        return picture
    alpha = cv2.extractChannel(picture, 3).astype(np.float32) * np.float32(1 / 255)
    color = cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)
    below = np.zeros_like(color) if behind is None else behind
    return cv2.cvtColor(cv2.blendLinear(color, below, alpha, 1.0 - alpha), cv2.COLOR_BGR2BGRA)
