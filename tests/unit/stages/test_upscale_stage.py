# SPDX-License-Identifier: Apache-2.0
"""Upscale, refine and composite where a look uncovers the background: what was seen there is shown, and forgotten at a
cut."""

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.models.conditions import parse_conditions
from mirage_lsd.worker.paint.background.clean_plate import SEEN_FRAMES
from mirage_lsd.worker.paint.dye import dyes_for
from mirage_lsd.worker.stages.base import EditLayer, Encoded, FrameMotion, Job, LookTokens, Past, Working
from mirage_lsd.worker.stages.full_size.composite import Composite
from mirage_lsd.worker.stages.full_size.refine import Refine
from mirage_lsd.worker.stages.upscale import Upscale

WIDE, HIGH = 160, 96
COLORS = np.random.default_rng(1).integers(0, 255, (6, 10, 3), np.uint8)
WALL = cv2.resize(COLORS, (WIDE, HIGH), interpolation=cv2.INTER_NEAREST)
CELLS = (HIGH // 8, WIDE // 8)


class Uncovers:
    """Stands in for the model: a layer that shows what is behind, wherever the person is."""

    def run(self, graph: str, buffers: np.ndarray, **_inputs: np.ndarray) -> dict[str, np.ndarray]:
        assert graph == "upscale"
        mask = np.zeros((1, 3, HIGH, WIDE), np.float32)
        mask[:, 1] = buffers[:, 7]
        return {"layer": np.zeros((1, 3, HIGH, WIDE), np.float32), "mask": mask}


def person(left: int) -> np.ndarray:
    mask = np.zeros((HIGH, WIDE), np.float32)
    mask[32:, left : left + 32] = 1.0
    return mask


def shown(stage: Refine, mask: np.ndarray, cut: bool = False) -> np.ndarray:
    """The picture u8 [h,w,3] BGR that the stage and the compositor make of a green person before the wall."""
    frame = np.where(mask[..., None] > 0, np.uint8((20, 200, 30)), WALL)
    buffers = np.zeros((1, 8, HIGH, WIDE), np.float32)
    buffers[0, 7] = cv2.dilate(mask, np.ones((9, 9)))
    background = 1.0 - cv2.resize(mask, CELLS[::-1], interpolation=cv2.INTER_AREA)
    regions = np.repeat(background[None, None], 8, axis=1)
    surface, grey = np.zeros((1, 3, HIGH // 2, WIDE // 2), np.float32), np.zeros((HIGH, WIDE), np.uint8)
    tokens = {name: np.zeros(1, np.float32) for name in ("tokens", "pooled", "region_tokens")}
    features = {name: np.zeros(1, np.float32) for name in ("s8", "s16", "s32", "x4")}
    job = Job(None, StreamSettings(), cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA))
    job.working = Working(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    job.encoded = Encoded(mask[None, None], regions=regions, surface=surface, **features)
    job.look = LookTokens(**tokens, dyes=dyes_for(parse_conditions("long hair")), strength=1.0, changed=False)
    job.past = Past(None, {}, {}, np.zeros((1, 2), np.float32), surface, None)
    job.edit = EditLayer(None, buffers)
    if not cut:
        job.motion = FrameMotion(np.zeros((1, 2, *CELLS), np.float32), np.zeros((1, 1, *CELLS), np.float32), grey, grey)
    return Composite()(stage(Upscale(Uncovers())(job))).output[..., :3].copy()


def wrong(picture: np.ndarray) -> float:
    return float(np.abs(picture.astype(int) - WALL)[person(96) > 0].mean())


def test_what_was_seen_is_shown_and_forgotten_at_a_cut():
    kept, cut = Refine(), Refine()
    for stage in (kept, cut):
        for _ in range(SEEN_FRAMES):
            shown(stage, person(16))
    assert wrong(shown(kept, person(96))) < 3
    fresh = shown(Refine(), person(96))
    assert wrong(fresh) > 20
    assert np.array_equal(shown(cut, person(96), cut=True), fresh)


def test_a_reset_stage_starts_afresh():
    stage = Refine()
    for _ in range(SEEN_FRAMES):
        shown(stage, person(16))
    stage.reset()
    assert np.array_equal(shown(stage, person(96)), shown(Refine(), person(96)))
