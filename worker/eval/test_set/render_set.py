# SPDX-License-Identifier: Apache-2.0
"""Renders test clips with the training world's code, at the size of a real stream and with the test split's seeds.

Needs the [train] extra (torch, anny, moderngl); called by test_set.py for clips that are not in the folder yet.
Invariant: clip i of a seed and length is the same whatever the number of clips.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mirage_lsd.worker.eval.test_set.dress import dress
from mirage_lsd.worker.eval.test_set.tasks import Task, task_of
from mirage_lsd.worker.train.world import motion, paint, render
from mirage_lsd.worker.train.world.generate import SPLITS, World
from mirage_lsd.worker.train.world.looks import Look

WIDTH_PX, HEIGHT_PX = 640, 360
SEED_BRANCH = 9001  # apart from the clips that generate.py writes for the test split

UPPER_LABEL, HAIR_LABEL = 4, 3
LEAST_GARMENT, LEAST_HAIR = 0.07, 0.01  # shares of the picture
TRIES = 30


class ClipRenderer:
    """Body, tailor and renderer of this process; makes test clips of two looks. One per process at a time."""

    def __init__(self) -> None:
        self._world = World((WIDTH_PX, HEIGHT_PX))

    def clip(self, seed: int, index: int, frames: int) -> tuple[list[dict], list[list[render.Drawn]]]:
        """Words and drawings of the worn and the asked look, [look][frame], at 640x360 with square pixels.

        A drawing of which too little of the asked garment is seen is given up for the next try.
        """
        for attempt in range(TRIES):
            rng = np.random.default_rng((SPLITS.index("test"), SEED_BRANCH, seed, index, attempt))
            shoot = self._stage(rng, index, frames)
            if is_worth_asking(shoot(1, frames // 2), task_of(index)):
                break
        words, shots = [], []
        for look in (0, 1):
            words.append(paint.describe(shoot.looks[look]))
            shots.append([dyed(shoot(look, t), words[-1]) for t in range(frames)])
        return words, shots

    def _stage(self, rng: np.random.Generator, index: int, frames: int) -> Stage:
        """A person in two looks, moving in front of a camera."""
        task, world = task_of(index), self._world
        phenotype = motion.sample_phenotype(rng)
        moves = motion.sample_motion(rng, frames, task.crop)
        person, light = paint.sample_person(rng), render.sample_light(rng)
        looks = dress(rng, task)
        posed = world.body.pose(phenotype, moves.rotations, moves.lift, looks[0].expression)
        skin, *rest = world.tailor.skin_pieces(posed)
        camera = motion.sample_camera(rng, task.crop, world._joints(posed))
        pieces = [[skin, world.tailor.bare(skin, look), *rest, *world._dressed(posed, look)] for look in looks]
        return Stage(world.renderer, looks, pieces, person, camera, light)


@dataclass(frozen=True)
class Stage:
    """Everything that is drawn in one clip; call it for one frame of one look."""

    renderer: render.Renderer
    looks: tuple[Look, Look]
    pieces: list[list]
    person: dict
    camera: motion.Camera
    light: render.Light

    def __call__(self, look: int, t: int) -> render.Drawn:
        self.renderer.set(**self.person, **paint.look_uniforms(self.looks[look]))
        return self.renderer.draw(self.pieces[look], t, self.camera, self.light)


def dyed(shot: render.Drawn, words: dict) -> render.Drawn:
    """The drawing in the colours and the pattern of its words."""
    rgb = paint.dyed(np.ascontiguousarray(shot.rgba[..., :3]), shot.labels, shot.surface[..., :2], words)
    return replace(shot, rgba=np.dstack([rgb, shot.rgba[..., 3]]))


def is_worth_asking(shot: render.Drawn, task: Task) -> bool:
    """Whether enough of what is asked for is in the picture."""
    label = UPPER_LABEL if task.changes_outfit else HAIR_LABEL
    return float(np.mean(shot.labels == label)) >= (LEAST_GARMENT if task.changes_outfit else LEAST_HAIR)
