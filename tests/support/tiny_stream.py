# SPDX-License-Identifier: Apache-2.0
"""A stream of LSD-tiny through its real stages, for what they hand on."""
from __future__ import annotations

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.pipeline import header_for
from mirage_lsd.worker.stages.base import Job


def jobs_of(frames: list[tuple[np.ndarray, StreamSettings]]) -> list[Job]:
    """(frame u8 [H,W,4] BGRA, its settings) -> each frame's job after the last stage."""
    pipeline = EngineHost().new_pipeline()
    jobs = [pipeline.run(Job(header_for(frame, number), settings, frame))
            for number, (frame, settings) in enumerate(frames)]
    pipeline.flush()
    return jobs


def person_masks(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Frames u8 [H,W,4] BGRA -> the person mask, f32 [h,w], that the encoder saw in each."""
    settings = StreamSettings(prompt="red hoodie", working_size="medium")
    return [job.encoded.person_mask[0, 0] for job in jobs_of([(frame, settings) for frame in frames])]
