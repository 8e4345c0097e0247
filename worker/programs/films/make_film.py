# SPDX-License-Identifier: Apache-2.0
"""One film made from another, picture by picture, with a progress bar where there is a terminal.

Called by `mirage-lsd run` on the main thread. Invariant: every picture goes through `restyle`, in order, until the
source, the wanted number or a signal ends it; the sound then ends where the pictures do.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mirage_lsd.worker.programs.films.stop_signals import StopSignals

if TYPE_CHECKING:
    from mirage_lsd.worker.programs.films.reader import FilmReader
    from mirage_lsd.worker.programs.films.series import SeriesReader, SeriesWriter
    from mirage_lsd.worker.programs.films.writer import FilmWriter

BAR = "{percentage:3.0f} % |{bar}| {n_fmt} of {total_fmt} frames, {rate_noinv_fmt}, {remaining} left"
BAR_WITHOUT_END = "{n_fmt} frames, {rate_noinv_fmt}"


def make_film(film: FilmReader | SeriesReader, writer: FilmWriter | SeriesWriter,
              restyle: Callable[[np.ndarray], np.ndarray], most_frames: int, stop: StopSignals) -> None:  # fmt: skip
    """restyle: uint8 [h, w, 4] BGRA → the same. most_frames: 0 for all. The writer is left to be finished."""
    total = min(film.total, most_frames) if film.total and most_frames else film.total or most_frames
    stop.patient = True
    with Progress(total) as progress:
        for item in film.items():
            if not film.is_picture(item):
                writer.add_packet(item)
            else:
                working = writer.working(item)
                picture = writer.bgra(working)
                writer.add_picture(working, picture, restyle(picture))
                progress.step()
                if stop.number or writer.frames == most_frames:
                    film.pictures_wanted = False
                    writer.end_pictures()
            if writer.is_whole:
                break


class Progress:
    """Frames, frames a second and the time left, on a terminal; nothing where standard error is none."""

    def __init__(self, total: int) -> None:
        form = BAR if total else BAR_WITHOUT_END
        self._bar = None
        if importlib.util.find_spec("tqdm") is None:
            return  # numbered pictures need no extra
        from tqdm import tqdm

        self._bar = tqdm(total=total or None, unit=" frames", bar_format=form, disable=None, file=sys.stderr,
                         dynamic_ncols=True)  # fmt: skip

    def step(self) -> None:
        """One frame more."""
        if self._bar is None:
            return
        try:
            self._bar.update()
        except OSError:  # the terminal is gone, the film goes on
            self._bar.disable = True

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(OSError):
            if self._bar is not None:
                self._bar.close()
