# SPDX-License-Identifier: Apache-2.0
"""download: the finished picture → output ring.

Called by the worker's loop thread. Invariant: the output frame carries the frame_id and times of the source frame
it was made from, and the generation of the settings it was made under.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.stages.base import Job


def put(ring: Ring, job: Job) -> int:
    """Publishes the job's output (its source where no stage made one); returns when, as monotonic ns."""
    picture = job.source if job.output is None else job.output
    picture = np.ascontiguousarray(picture)
    height_px, width_px, channels = picture.shape
    finished_ns = time.monotonic_ns()
    header = replace(
        job.header,
        width_px=width_px,
        height_px=height_px,
        stride_bytes=width_px * channels,
        generation=job.generation,
        finished_ns=finished_ns,
    )
    ring.write(header, memoryview(picture).cast("B"))
    return finished_ns
