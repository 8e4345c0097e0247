# SPDX-License-Identifier: Apache-2.0
"""The upscale stage where a look uncovers the background: what was seen there is shown, and forgotten at a cut."""

from types import SimpleNamespace

import cv2
import numpy as np

from mirage_lsd.worker.models.conditions import parse_conditions
from mirage_lsd.worker.paint.clean_plate import SEEN_FRAMES
from mirage_lsd.worker.paint.dye import dyes_for
from mirage_lsd.worker.stages.upscale import Upscale

WIDE, HIGH = 160, 96
COLORS = np.random.default_rng(1).integers(0, 255, (6, 10, 3), np.uint8)
WALL = cv2.resize(COLORS, (WIDE, HIGH), interpolation=cv2.INTER_NEAREST)
CELLS = (HIGH // 8, WIDE // 8)


class Uncovers:
    """Stands in for the model: a layer that shows what is behind, wherever the person is."""

    def run(self, graph: str, buffers: np.ndarray, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        assert graph == "upscale"
        mask = np.zeros((1, 3, HIGH, WIDE), np.float32)
        mask[:, 1] = buffers[:, 7]
        return {"layer": np.zeros((1, 3, HIGH, WIDE), np.float32), "mask": mask}


def person(left: int) -> np.ndarray:
    mask = np.zeros((HIGH, WIDE), np.float32)
    mask[32:, left : left + 32] = 1.0
    return mask


def shown(stage: Upscale, mask: np.ndarray, cut: bool = False) -> np.ndarray:
    """The picture u8 [h,w,3] BGR that the stage makes of a green person before the wall."""
    frame = np.where(mask[..., None] > 0, np.uint8((20, 200, 30)), WALL)
    buffers = np.zeros((1, 8, HIGH, WIDE), np.float32)
    buffers[0, 7] = cv2.dilate(mask, np.ones((9, 9)))
    background = 1.0 - cv2.resize(mask, CELLS[::-1], interpolation=cv2.INTER_AREA)
    tensors = {"dyes": dyes_for(parse_conditions("long hair")), "strength": 1.0, "source": None, "buffers": buffers,
               "working": cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), "person_mask": mask[None, None],
               "surface": np.zeros((1, 3, HIGH // 4, WIDE // 4), np.float32),
               "regions": np.repeat(background[None, None], 8, axis=1)}
    if not cut:
        tensors["flow"] = np.zeros((1, 2, *CELLS), np.float32)
    job = SimpleNamespace(source=cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA), tensors=tensors, output=None)
    return stage(job).output[..., :3].copy()


def wrong(picture: np.ndarray) -> float:
    return float(np.abs(picture.astype(int) - WALL)[person(96) > 0].mean())


def test_what_was_seen_is_shown_and_forgotten_at_a_cut():
    kept, cut = Upscale(Uncovers()), Upscale(Uncovers())
    for stage in (kept, cut):
        for _ in range(SEEN_FRAMES):
            shown(stage, person(16))
    assert wrong(shown(kept, person(96))) < 3
    fresh = shown(Upscale(Uncovers()), person(96))
    assert wrong(fresh) > 20
    assert np.array_equal(shown(cut, person(96), cut=True), fresh)


def test_a_reset_stage_starts_afresh():
    stage = Upscale(Uncovers())
    for _ in range(SEEN_FRAMES):
        shown(stage, person(16))
    stage.reset()
    assert np.array_equal(shown(stage, person(96)), shown(Upscale(Uncovers()), person(96)))
