# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd eval --out DIR`: plays the test set through the real runtime and writes eval.json, sheets and a film.

Called by the command line. Invariant: one clip is in memory at a time, and the same options give the same figures
(but for the milliseconds).
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.eval import cheats
from mirage_lsd.worker.eval.measures.drift import drift
from mirage_lsd.worker.eval.measures.score import score_edit, score_scene
from mirage_lsd.worker.eval.options import completed
from mirage_lsd.worker.eval.play import Film, play
from mirage_lsd.worker.eval.report import PERFECT, REFERENCE, print_report, write_report
from mirage_lsd.worker.eval.sheets import FilmWriter, row, titled, write_picture
from mirage_lsd.worker.eval.switches import EnginePool, EvalHost
from mirage_lsd.worker.eval.test_set.clips import Clip, open_clip
from mirage_lsd.worker.eval.test_set.test_set import TestSet
from mirage_lsd.worker.eval.test_set.truth import Truth, truth_of
from mirage_lsd.worker.eval.variants import ABLATIONS, ALONE, COMPARED, MODEL, ZEROED, Variant

log = logging.getLogger(__name__)
FILMED_CLIPS = 6
DRIFT_CLIP = 0


@dataclass
class Scores:
    """What every film of every clip scored: by variant (or cheat) name, a list over clips."""

    edits: dict[str, list[dict]] = field(default_factory=dict)
    frame_ms: dict[str, list[float]] = field(default_factory=dict)
    prompts: dict[int, str] = field(default_factory=dict)
    drift: dict | None = None

    def add(self, name: str, figures: dict, frame_ms: list[float]) -> None:
        self.edits.setdefault(name, []).append(figures)
        self.frame_ms.setdefault(name, []).extend(frame_ms)


class Evaluation:
    """One run: the test set, the hosts and where the results go."""

    def __init__(self, options, scratch: Path) -> None:
        self._options = options
        self._set = TestSet(options.data, options.seed, options.frames, options.photos)
        self._pool = EnginePool(scratch, options.weights, options.engine)
        self._hosts: dict[Variant, EvalHost] = {}
        self.scores = Scores()
        self._overview: list[np.ndarray] = []

    def run(self, report: Callable[[Scores], None]) -> None:
        """Scores every clip, then the long run; writes sheets and film on the way and reports after each clip."""
        self._set.ensure(self._options.clips)
        film = FilmWriter(self._options.out / "film.mp4", columns=4)
        for index in range(self._options.clips):
            started = time.perf_counter()
            self._score_clip(index, film)
            log.info("clip %d of %d: %.0f s", index + 1, self._options.clips, time.perf_counter() - started)
            report(self.scores)
        film.close()
        write_picture(self._options.out / "overview.png", np.vstack(self._overview))
        if self._options.drift_frames:
            clip = open_clip(self._set, DRIFT_CLIP)
            self.scores.drift = drift(self._host(MODEL), clip, known(clip), self._settings(clip.prompt, MODEL),
                                      self._options.drift_frames)
            report(self.scores)

    def _score_clip(self, index: int, film: FilmWriter) -> None:
        clip = open_clip(self._set, index)
        truth = known(clip)
        self.scores.prompts[index] = clip.prompt
        edit = self._play(MODEL, clip, clip.prompt)
        scene = self._play(MODEL, clip, clip.scene_name, want_alpha=True)
        own = {**score_edit(clip, truth, edit.pictures), **score_scene(clip, scene.pictures, scene.alphas)}
        self.scores.add(MODEL.name, {"clip": index, **own}, edit.frame_ms)
        self._show(clip, edit, scene, film)
        start = clip.first(self._options.compare_frames)
        again = {"clip": index, **score_edit(start, truth, edit.pictures, brief=True)}
        self.scores.add(REFERENCE, again, edit.frame_ms[: start.frames])
        for variant in self._variants(index):
            self._score_variant(variant, start, truth)
        self._score_films_of_no_model(start, truth)

    def _score_variant(self, variant: Variant, clip: Clip, truth: Callable[[int], Truth]) -> None:
        film = self._play(variant, clip, clip.prompt)
        figures = score_edit(clip, truth, film.pictures, brief=variant != ZEROED)
        if variant == ZEROED:
            scene = self._play(variant, clip, clip.scene_name, want_alpha=True)
            figures |= score_scene(clip, scene.pictures, scene.alphas)
        self.scores.add(variant.name, {"clip": clip.index, **figures}, film.frame_ms)

    def _score_films_of_no_model(self, clip: Clip, truth: Callable[[int], Truth]) -> None:
        """The cheats, and the true target itself: what a perfect model would score."""
        still = cheats.identity(clip)
        scene = score_scene(clip, still.pictures, still.alphas)
        for name, film in (("identity", still), ("true-mask recolouring", cheats.recolored(clip))):
            figures = score_edit(clip, truth, film.pictures) | scene
            self.scores.add(name, {"clip": clip.index, **figures}, [])
        self.scores.add(PERFECT, {"clip": clip.index, **score_edit(clip, truth, clip.target)}, [])

    def _variants(self, index: int) -> tuple[Variant, ...]:
        ablated = (*ABLATIONS, ALONE) if index < self._options.ablation_clips else ()
        return (*COMPARED, *(variant for variant in ablated if variant.switches != COMPARED[0].switches))

    def _host(self, variant: Variant) -> EvalHost:
        if variant not in self._hosts:
            self._hosts[variant] = EvalHost(self._pool, variant.switches)
        return self._hosts[variant]

    def _play(self, variant: Variant, clip: Clip, prompt: str, want_alpha: bool = False) -> Film:
        return play(self._host(variant), clip.source, self._settings(prompt, variant), want_alpha)

    def _settings(self, prompt: str, variant: Variant) -> StreamSettings:
        # Seed 0 gives the standard cloth, which is what the true targets wear (train/world/looks.py).
        return StreamSettings(prompt=prompt, steps=variant.steps, seed=0, working_size=self._options.working_size)

    def _show(self, clip: Clip, edit: Film, scene: Film, film: FilmWriter) -> None:
        def pictures(t: int) -> tuple[np.ndarray, ...]:
            return clip.source[t][..., :3], clip.target[t], edit.pictures[t], scene.pictures[t]

        shown = sorted({1, clip.frames // 2, clip.frames - 1})
        title = f"{clip.index}: source | true target | {clip.prompt} | {clip.scene_name}"
        write_picture(self._options.out / "sheets" / f"clip_{clip.index:03}.png",
                      titled([row(*pictures(t)) for t in shown], title))
        self._overview.append(row(*pictures(clip.frames // 2)))
        if clip.index < FILMED_CLIPS:
            for t in range(clip.frames):
                film.add(*pictures(t))


def known(clip: Clip) -> Callable[[int], Truth]:
    """truth_of each frame of a clip, worked out once."""
    return lru_cache(maxsize=None)(lambda t: truth_of(clip, t))


def run(options) -> int:
    """The command. Returns 0; whether gates passed is in the report, and printed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = completed(options)
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()

    def report(scores: Scores) -> None:
        write_report(options, scores, time.perf_counter() - started)

    with tempfile.TemporaryDirectory(prefix="mirage-lsd-eval-") as scratch:
        evaluation = Evaluation(options, Path(scratch))
        evaluation.run(report)
    print_report(options, evaluation.scores)
    return 0
