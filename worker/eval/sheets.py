# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: a sheet for each clip, one of all clips, and a film. The picture is the judge.

Called by run.py. Columns are always: source, true target, output, and, where there is one, the scene edit.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError

TILE_PX = (320, 180)
STRIP_PX = 22
FILM_FPS = 20.0


class SheetError(MirageError):
    """A picture or film cannot be written."""

    code = "bad_output"


def tile(picture: np.ndarray) -> np.ndarray:
    """u8 BGR of any size at TILE_PX."""
    return cv2.resize(picture, TILE_PX, interpolation=cv2.INTER_AREA)


def row(*pictures: np.ndarray) -> np.ndarray:
    """Tiles side by side."""
    return np.hstack([tile(picture) for picture in pictures])


def titled(rows: list[np.ndarray], title: str) -> np.ndarray:
    """Rows under a line of text."""
    strip = np.full((STRIP_PX, rows[0].shape[1], 3), 24, np.uint8)
    cv2.putText(strip, title, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([strip, *rows])


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Writes a PNG. Raises SheetError where that is not possible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise SheetError(f"{path} cannot be written; choose a folder you may write to")


class FilmWriter:
    """An MP4 of rows of tiles, all with the same number of columns."""

    def __init__(self, path: Path, columns: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        size_px = (TILE_PX[0] * columns, TILE_PX[1])
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FILM_FPS, size_px)
        if not self._writer.isOpened():
            raise SheetError(f"{path} cannot be written; choose a folder you may write to")

    def add(self, *pictures: np.ndarray) -> None:
        """One frame."""
        self._writer.write(row(*pictures))

    def close(self) -> None:
        """Ends the file."""
        self._writer.release()
