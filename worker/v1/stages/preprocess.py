# SPDX-License-Identifier: Apache-2.0
"""preprocess: the frame at the working size, and whether the scene was cut.

Writes job.cut and buffer source#now, on the flow lane: this may run while the last frame is still being upscaled.
Called by the pipeline's thread. Invariant: as of stages/preprocess.py, a reset does not hide a cut.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.stages.preprocess import CutDetector
from mirage_lsd.worker.v1.frame.context import V1Context


class Preprocess(Stage[V1Context]):
    """Cuts are seen on the host, in the small picture that upload keeps."""

    name = "preprocess"

    def __init__(self, context: V1Context) -> None:
        super().__init__(context)
        self._is_cut = CutDetector()

    def __call__(self, job: Job) -> Job:
        job.cut = self._is_cut(job.working.rgb)
        self._context.program.run("ingest")
        return job
