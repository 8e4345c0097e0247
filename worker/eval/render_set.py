# SPDX-License-Identifier: Apache-2.0
"""Renders test clips with the training world's code, at the size of a real stream and with the test split's seeds.

Needs the [train] extra (torch, anny, moderngl); called by test_set.py for clips that are not in the folder yet.
Invariant: clip i of a seed and length is the same whatever the number of clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mirage_lsd.worker.eval.dress import dress
from mirage_lsd.worker.eval.tasks import task_of
from mirage_lsd.worker.train.world import motion, paint, render
from mirage_lsd.worker.train.world.generate import SPLITS, World

WIDTH_PX, HEIGHT_PX = 640, 360
FLOW_STEP_PX = 4
SEED_BRANCH = 9001  # apart from the clips that generate.py writes for the test split


class ClipRenderer:
    """Body, tailor and renderer of this process; makes test clips of two looks. One per process at a time."""

    def __init__(self) -> None:
        with canvas(WIDTH_PX, HEIGHT_PX):
            self._world = World()

    def clip(self, seed: int, index: int, frames: int) -> tuple[list[dict], list[list[render.Drawn]]]:
        """Words and drawings of the worn and the asked look, [look][frame], at 640x360 with square pixels."""
        rng = np.random.default_rng((SPLITS.index("test"), SEED_BRANCH, seed, index))
        task, world = task_of(index), self._world
        phenotype = motion.sample_phenotype(rng)
        moves = motion.sample_motion(rng, frames, task.crop)
        person, light = paint.sample_person(rng), render.sample_light(rng)
        looks = dress(rng, task)
        posed = world.body.pose(phenotype, moves.rotations, moves.lift, looks[0].expression)
        skin, *rest = world.tailor.skin_pieces(posed)
        camera = motion.sample_camera(rng, task.crop, world._joints(posed))
        words, shots = [], []
        for look in looks:
            world.renderer.set(**person, **paint.look_uniforms(look))
            pieces = [skin, world.tailor.bare(skin, look), *rest, *world._dressed(posed, look)]
            with canvas(WIDTH_PX, HEIGHT_PX):
                shots.append([world.renderer.draw(pieces, t, camera, light) for t in range(frames)])
            words.append(paint.describe(look, shots[-1][0].labels, shots[-1][0].albedo))
        return words, shots


@contextmanager
def canvas(width_px: int, height_px: int) -> Iterator[None]:
    """The world's renderer at another size than the training data's (which its module holds as constants)."""
    before = render.WIDTH_PX, render.HEIGHT_PX
    render.WIDTH_PX, render.HEIGHT_PX = width_px, height_px
    try:
        yield
    finally:
        render.WIDTH_PX, render.HEIGHT_PX = before


def small_flow(flow: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Mean flow of the covered pixels over 4x4 blocks: f32 [H,W,2] → f16 [H/4,W/4,2], still in full-size px."""
    weight = (alpha > 127).astype(np.float32)[..., None]
    return (box_sum(flow * weight, FLOW_STEP_PX) / np.maximum(box_sum(weight, FLOW_STEP_PX), 1)).astype(np.float16)


def box_sum(values: np.ndarray, step: int) -> np.ndarray:
    """Sums over step x step blocks: [H*step, W*step, C] → f32 [H, W, C]."""
    height, width, channels = values.shape[0] // step, values.shape[1] // step, values.shape[2]
    return values.reshape(height, step, width, step, channels).sum((1, 3), dtype=np.float32)
