# SPDX-License-Identifier: Apache-2.0
"""Films through the product's reader and writer, with a plain function in the model's place."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from mirage_lsd.worker.programs import films
from mirage_lsd.worker.programs.films.make_film import make_film
from mirage_lsd.worker.programs.films.reader import FilmReader
from mirage_lsd.worker.programs.films.stop_signals import StopSignals
from mirage_lsd.worker.programs.films.writer import FilmWriter


def make(source: Path, output: Path, restyle=lambda picture: picture, frames: int = 0, quality: int | None = None,
         overwrite: bool = False) -> FilmWriter:  # fmt: skip
    """As `mirage-lsd run` does it, with another function in the model's place: no look unless given."""
    films.require()
    with FilmReader(source) as film:
        writer = FilmWriter(output, film, quality, overwrite)
        try:
            make_film(film, writer, restyle, frames, StopSignals())
            writer.finish()
        finally:
            writer.discard()
    return writer


def made_from(source: Path, output: Path, **more) -> Path:
    make(source, output, **more)
    return output


def inverted(picture: np.ndarray) -> np.ndarray:
    """A look that changes the left half."""
    half = picture.shape[1] // 2
    return np.concatenate([255 - picture[:, :half], picture[:, half:]], 1)


def stream_of(path: Path, kind: str = "video"):
    with av.open(str(path)) as film:
        return next(stream for stream in film.streams if stream.type == kind)
