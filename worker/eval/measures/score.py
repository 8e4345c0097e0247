# SPDX-License-Identifier: Apache-2.0
"""Scores one film of one clip: a dict of figures, nan or absent where the clip does not have them.

Called by run.py for the model, its variants and the cheats alike: a cheat is judged by this very code. Invariant:
only the pictures (and, for scenes, the matte) are looked at, never who made them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import cv2
import numpy as np

from mirage_lsd.worker.eval.measures.matte import matte_error
from mirage_lsd.worker.eval.measures.metrics import (
    CHANGED_DELTA_E,
    decibels,
    distance,
    iou,
    lab,
    mean_delta_e,
    mean_square,
    ms_ssim,
)
from mirage_lsd.worker.eval.measures.patterns import named_pattern
from mirage_lsd.worker.eval.measures.warp import warp_error
from mirage_lsd.worker.eval.statistics import mean
from mirage_lsd.worker.eval.test_set.clips import Clip
from mirage_lsd.worker.eval.test_set.tasks import CHECKED_PATTERNS
from mirage_lsd.worker.eval.test_set.truth import Truth

SCORED_EVERY = 2  # frames; neighbours say nearly the same
RARELY_EVERY = 8  # patterns and multi-scale SSIM, which cost most
FAR_PX = 12.0  # a patterned garment's colour is compared as seen from afar
SOLID = 250
LEAST_SHAPE = 0.002  # of the picture


def score_edit(clip: Clip, truth: Callable[[int], Truth], pictures: list[np.ndarray], brief: bool = False) -> dict:
    """Figures of an outfit or hair edit. pictures: u8 BGR [H,W,3] per frame; brief leaves out patterns and SSIM."""
    found: dict[str, list] = defaultdict(list)
    for t in range(1, clip.frames, SCORED_EVERY):
        true, picture = truth(t), pictures[t]
        for name, value in frame_figures(clip, true, t, picture).items():
            found[name].append(value)
        for name, value in motion_figures(true, pictures[t - 1], picture).items():
            found[name].append(value)
        if not brief and t % RARELY_EVERY == 1:
            found["ms_ssim"].append(ms_ssim(picture, clip.target[t]))
            _look_for_pattern(found, clip, true, picture)
    figures = {name: mean(values) for name, values in found.items()}
    for name in [name for name in figures if name.endswith("_mse")]:
        square = figures.pop(name)
        figures[name.removesuffix("_mse") + "_psnr_db"] = None if square is None else decibels(square)
    figures["full_rmse"] = float(np.sqrt(mean(found["full_mse"]) or 0.0))
    return figures


def frame_figures(clip: Clip, true: Truth, t: int, picture: np.ndarray) -> dict[str, float]:
    """Figures of one picture against the true target of frame t."""
    target, kept = clip.target[t], true.kept
    colors = lab(picture)
    different = distance(true.source_lab, colors) > CHANGED_DELTA_E
    figures = {f"kept_{name}_mse": mean_square(picture, target, mask) for name, mask in kept.items()}
    figures["kept_mse"] = mean_square(picture, target, np.logical_or.reduce(list(kept.values())))
    figures["full_mse"] = mean_square(picture, target)
    if clip.task.changes_outfit:
        figures["garment_iou"] = iou(different, true.region)
        figures["garment_delta_e_pixel"] = mean_delta_e(picture, target, true.garment)
        figures["garment_delta_e"] = garment_delta_e(clip, true, picture, target)
    if clip.task.changes_shape:
        figures["shape_change_iou"] = shape_iou(true, different, colors)
    return figures


def garment_delta_e(clip: Clip, true: Truth, picture: np.ndarray, target: np.ndarray) -> float:
    """Mean CIEDE2000 in the asked garments: pixel by pixel for plain cloth; where the words ask for a pattern, whose
    phase and second colour they cannot name, after both pictures are blurred within the garment."""
    if clip.words["asked"]["pattern"] == "plain":
        return mean_delta_e(picture, target, true.garment)
    return mean_delta_e(from_afar(picture, true.garment), from_afar(target, true.garment), true.garment)


def from_afar(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """u8 [H,W,3] blurred by FAR_PX within a bool mask (what is outside does not bleed in)."""
    weight = mask.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), FAR_PX) + 1e-4
    mixed = cv2.GaussianBlur(picture.astype(np.float32) * weight[..., None], (0, 0), FAR_PX) / total[..., None]
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def shape_iou(true: Truth, different: np.ndarray, colors: np.ndarray) -> float:
    """IoU on the pixels that become or cease to be garment; cloth that stays cloth is left out.

    Right are those that changed AND came at least half the way from the source's colour to the true one, so that
    another wrong colour does not count. nan where hardly anything takes part.
    """
    if np.count_nonzero(true.shape) < LEAST_SHAPE * true.shape.size:
        return float("nan")
    painted = different & true.elsewhere
    half_way = 0.5 * distance(true.source_lab, true.target_lab)
    right = painted & true.shape & (distance(colors, true.target_lab) < half_way)
    return float(np.count_nonzero(right) / np.count_nonzero(painted | true.shape))


def motion_figures(true: Truth, before: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """Warp errors of the film, of the source and of the true target; over the picture, and within the garment."""
    garment = true.seen & true.garment
    return {"warp_error": warp_error(before, picture, true.flow, true.seen), "warp_error_source": true.source_error,
            "warp_error_target": true.target_error,
            "warp_error_garment": warp_error(before, picture, true.flow, garment)}  # fmt: skip


def score_scene(clip: Clip, pictures: list[np.ndarray], alphas: list[np.ndarray]) -> dict:
    """Figures of a scene edit with the light kept: the person as in the source, and the matte."""
    person_mse, errors = [], []
    for t in range(1, clip.frames, SCORED_EVERY):
        person = clip.worn.rgba[t][..., 3]
        person_mse.append(mean_square(pictures[t], clip.source[t][..., :3], person >= SOLID))
        errors.append(matte_error(alphas[t], person))
    square = mean(person_mse)
    return {"person_psnr_db": None if square is None else decibels(square), "matte_error": mean(errors)}


def _look_for_pattern(found: dict[str, list], clip: Clip, true: Truth, picture: np.ndarray) -> None:
    """1 where the garment shows the asked pattern, 0 where it does not; plain cloth is asked to look plain."""
    asked = clip.words["asked"]["pattern"]
    if not clip.task.changes_outfit or asked not in (*CHECKED_PATTERNS, "plain"):
        return
    seen = named_pattern(picture, true.upper)
    if seen is not None:
        name = "plain_accuracy" if asked == "plain" else "pattern_accuracy"
        # A plain jacket's zip or lapel may read as "other": marks, but none of the checked patterns.
        found[name].append(float(seen not in CHECKED_PATTERNS if asked == "plain" else seen == asked))
