# SPDX-License-Identifier: Apache-2.0
"""The real worker, except that `passthrough` changes each picture in a way a test can compute.

Run by studio.Studio instead of `python -m mirage_lsd.worker`. The seed chooses: SAME gives the picture back, RED
paints it red, EXIT ends the process, LOOK paints it in the colour of its look (look_bgr); anything else inverts the
colours.
"""

from __future__ import annotations

import os
import sys
import zlib

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker import __main__ as worker
from mirage_lsd.worker import carrier
from mirage_lsd.worker.models.looks import prompt_of

SAME, RED, EXIT, LOOK = 1001, 1002, 1003, 1004
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
    elif seed == RED:
        result[..., :3] = RED_BGR
    elif seed != SAME:
        result[..., :3] = 255 - picture[..., :3]
    return result


def main() -> int:
    put = carrier.put

    def put_marked(ring, job):
        if job.settings.seed == EXIT:
            os._exit(EXIT_STATUS)
        job.output = marked(job.source, job.settings)
        return put(ring, job)

    carrier.put = put_marked
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
