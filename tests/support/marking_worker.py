# SPDX-License-Identifier: Apache-2.0
"""The real worker, except that `passthrough` changes each picture in a way a test can compute.

Run by studio.Studio instead of `python -m mirage_lsd.worker`. The seed chooses: SAME gives the picture back, RED
paints it red, EXIT ends the process; anything else inverts the colours.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from mirage_lsd.worker import __main__ as worker
from mirage_lsd.worker import loop

SAME, RED, EXIT = 1001, 1002, 1003
RED_BGR = (0, 0, 255)
EXIT_STATUS = 7


def marked(picture: np.ndarray, seed: int) -> np.ndarray:
    """uint8 [height, width, 4] BGRA in and out; alpha is kept."""
    result = picture.copy()
    if seed == RED:
        result[..., :3] = RED_BGR
    elif seed != SAME:
        result[..., :3] = 255 - picture[..., :3]
    return result


def main() -> int:
    put = loop.put

    def put_marked(ring, job):
        if job.settings.seed == EXIT:
            os._exit(EXIT_STATUS)
        job.output = marked(job.source, job.settings.seed)
        return put(ring, job)

    loop.put = put_marked
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
