# SPDX-License-Identifier: Apache-2.0
"""The real worker, except that `passthrough` changes each picture in a way a test can compute.

Run by studio.Studio instead of `python -m mirage_lsd.worker`. The seed chooses: SAME gives the picture back, RED
paints it red, EXIT ends the process, LOOK paints it in the colour of its look (look_bgr); anything else inverts the
colours. A seed in MAX_FPS makes the stream slow: between two frames the worker goes on, but takes none.
"""

from __future__ import annotations

import os
import sys
import time
import zlib

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker import __main__ as worker
from mirage_lsd.worker.hosts import model_host
from mirage_lsd.worker.models.looks import prompt_of
from mirage_lsd.worker.transport import HostTransport

SAME, RED, EXIT, LOOK, SLOW_SAME, SLOW_RED, OVERLOADED = range(1001, 1008)
MAX_FPS = {SLOW_SAME: 4.0, SLOW_RED: 12.0, OVERLOADED: 0.5}
RED_BGR = (0, 0, 255)
EXIT_STATUS = 7


def look_bgr(words: str) -> tuple[int, int, int]:
    """A colour of its own for each look, given as looks.prompt_of tells it."""
    return tuple(zlib.crc32(words.encode()).to_bytes(4, "big")[:3])


def marked(picture: np.ndarray, settings: StreamSettings) -> np.ndarray:
    """uint8 [height, width, 4] BGRA in and out; alpha is kept."""
    result, seed = picture.copy(), settings.seed
    if seed == LOOK:
        result[..., :3] = look_bgr(prompt_of(settings))
    elif seed in (RED, SLOW_RED):
        result[..., :3] = RED_BGR
    elif seed not in (SAME, SLOW_SAME):
        result[..., :3] = 255 - picture[..., :3]
    return result


class MarkingTransport(HostTransport):
    """Takes frames as fast as the seed allows, and sends them marked."""

    _taken_s = float("-inf")

    def take(self, ring, after, settings, generation):
        if time.monotonic() - self._taken_s < 1.0 / MAX_FPS.get(settings.seed, float("inf")):
            return None
        taken = super().take(ring, after, settings, generation)
        if taken is not None:
            self._taken_s = time.monotonic()
        return taken

    def send(self, ring, job):
        if job.settings.seed == EXIT:
            os._exit(EXIT_STATUS)
        job.output = marked(job.source, job.settings)
        super().send(ring, job)


def main() -> int:
    model_host.HostTransport = MarkingTransport
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
