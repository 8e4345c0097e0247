# SPDX-License-Identifier: Apache-2.0
"""Numbered pictures in place of a film, such as frames/%04d.png: read and written one by one, without PyAV.

Used on the film's thread; the same to its caller as FilmReader and FilmWriter. A film can be written as a series, too;
only then is PyAV needed. Invariant: each picture appears whole
under its name; one that exists is replaced only where the user said so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mirage_lsd.worker.programs.films import FilmError
from mirage_lsd.worker.programs.films.transparency import without_alpha
from mirage_lsd.worker.programs.pictures import FilePictures, as_bgra, is_opaque

if TYPE_CHECKING:
    from mirage_lsd.worker.programs.films.colours import Colours

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
TRANSPARENT = frozenset((".png", ".tif", ".tiff", ".webp"))  # those that can be


def is_series(path: Path) -> bool:
    """Whether a path stands for numbered pictures."""
    return "%" in path.name and path.suffix.lower() in SUFFIXES


class SeriesReader:
    """All pictures of a series, uint8 [h, w, 4] BGRA."""

    total = damaged = 0
    pictures_wanted = True

    def __init__(self, path: Path) -> None:
        self._pictures = FilePictures(path)

    def __enter__(self) -> SeriesReader:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pictures.close()

    @staticmethod
    def is_picture(_item: np.ndarray) -> bool:
        """Yes."""
        return True

    def items(self) -> Iterator[np.ndarray]:
        """Picture by picture."""
        for picture in self._pictures:
            if not self.pictures_wanted:
                return
            yield picture


class SeriesWriter:
    """frames: how many pictures were written."""

    sound = "pictures have no sound"

    def __init__(self, path: Path, source: Path, overwrite: bool, colours: Colours | None = None) -> None:
        """colours: of the film that is read, None where that is a series."""
        self._path, self._overwrite, self._colours = path, overwrite, colours
        self.frames = 0
        self.remarks: list[str] = []
        self._ended = False
        if path.resolve() == source.resolve():
            raise FilmError(f"{path} is what is to be read itself; give the new pictures another name", "exists")
        if not path.parent.is_dir():
            raise FilmError(f"{path} cannot be written: there is no folder {path.parent}", "bad_output")
        self._check(self._name(1))

    def working(self, picture: Any) -> Any:
        """A picture of the source, upright."""
        return self._colours.working(picture) if self._colours else picture

    def bgra(self, working: Any) -> np.ndarray:
        """The picture for the model."""
        return self._colours.bgra(working) if self._colours else working

    def add_packet(self, _packet: Any) -> None:
        """Sound has no place here."""

    def add_picture(self, _working: Any, _before: np.ndarray, after: np.ndarray) -> None:
        """Writes the next picture, uint8 [h, w, 4] BGRA. Raises FilmError."""
        path = self._name(self.frames + 1)
        self._check(path)
        hidden = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
        try:
            hidden.write_bytes(cv2.imencode(path.suffix, self._taken(as_bgra(after)))[1])
            hidden.replace(path)
        except OSError as error:
            hidden.unlink(missing_ok=True)
            raise FilmError(f"{path} was not written: {error.strerror}", "bad_output") from error
        self.frames += 1

    def _taken(self, picture: np.ndarray) -> np.ndarray:
        """What of a picture the files take: uint8 [h, w, 4] where it is not opaque, else [h, w, 3]."""
        if is_opaque(picture):
            return picture[..., :3]
        suffix = self._path.suffix.lower()
        if suffix in TRANSPARENT:
            return picture
        return without_alpha(picture, suffix, ".png does", self.remarks)[..., :3]

    def end_pictures(self) -> None:
        """No more pictures come."""
        self._ended = True

    @property
    def is_whole(self) -> bool:
        """Whether the pictures have been ended."""
        return self._ended

    def finish(self) -> None:
        """Nothing is left to do."""

    def discard(self) -> None:
        """What is written is whole, and stays."""

    def _name(self, number: int) -> Path:
        try:
            return self._path.with_name(self._path.name % number)
        except (TypeError, ValueError) as error:
            raise FilmError(f"{self._path} cannot be written: write one number into its name, such as "
                            "picture-%04d.png", "bad_output") from error  # fmt: skip

    def _check(self, path: Path) -> None:
        if path.exists() and not self._overwrite:
            raise FilmError(f"{path} exists; give another name, or --overwrite to replace it", "exists")
