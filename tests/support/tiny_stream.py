# SPDX-License-Identifier: Apache-2.0
"""A stream of LSD-tiny through its real stages, for what they hand on."""
from __future__ import annotations

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.pipelines import build
from mirage_lsd.worker.restyler import header_for
from mirage_lsd.worker.stages.base import Job


def person_masks(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Frames u8 [H,W,4] BGRA -> the person mask, f32 [h,w], that the encoder saw in each."""
    settings = StreamSettings(prompt="red hoodie", working_size="medium")
    stages, masks = build("lsd", EngineHost()), []
    for frame_id, frame in enumerate(frames):
        job = Job(header_for(frame, frame_id), settings, 0, frame)
        for stage in stages:
            job = stage(job)
        masks.append(job.tensors["person_mask"][0, 0])
    for stage in stages:
        stage.flush()
    return masks
