# SPDX-License-Identifier: Apache-2.0
"""What is true of one frame of a test clip, whatever the model makes of it: regions, motion, the source's own errors.

Called by score.py; made once a clip and used for every variant of the model. Invariant: nothing here sees an output.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.eval.measures.metrics import CHANGED_DELTA_E, distance, lab
from mirage_lsd.worker.eval.measures.patterns import eroded
from mirage_lsd.worker.eval.measures.warp import seen_in_both, warp_error
from mirage_lsd.worker.eval.test_set.clips import FACE, GARMENTS, HAIR, LOWER, SKIN, UPPER, Clip

KEPT = {"background": 0, "hands": SKIN, "face": FACE}  # hands: all bare skin below the face
OUTLINE_PX = 1  # labels are hard, outlines are antialiased: the outline belongs to the garment
MARGIN_PX = 3  # what must stay keeps away from garments by this
INSIDE_PX = 2


@dataclass(frozen=True)
class Truth:
    """Masks are bool [H,W].

    source_lab, target_lab: f32 [H,W,3]. region: the true garment region (before or after) that visibly changes.
    shape: pixels that become or cease to be garment and visibly change; elsewhere: not garment both before and
    after, where shape is judged. garment: the asked garments, inside. upper: the asked upper garment.
    kept: by name, what must stay. flow f32 [H,W,2], seen: motion of the true target, or None for the first frame.
    source_error, target_error: warp errors of source and true target over the seen pixels.
    """

    source_lab: np.ndarray
    target_lab: np.ndarray
    region: np.ndarray
    shape: np.ndarray
    elsewhere: np.ndarray
    garment: np.ndarray
    upper: np.ndarray
    kept: dict[str, np.ndarray]
    flow: np.ndarray | None
    seen: np.ndarray | None
    source_error: float
    target_error: float


def truth_of(clip: Clip, t: int) -> Truth:
    """Everything about frame t of a clip."""
    before, after = clip.worn.labels[t], clip.asked.labels[t]
    source_lab, target_lab = lab(clip.source[t][..., :3]), lab(clip.target[t])
    visible = distance(source_lab, target_lab) > CHANGED_DELTA_E
    named = GARMENTS if clip.task.changes_outfit else (HAIR,)
    was, becomes = np.isin(before, named), np.isin(after, named)
    touched = grown(was | becomes, OUTLINE_PX)
    stays = was & (before == after)
    shape = grown((was | becomes) & ~stays, OUTLINE_PX) & visible
    flow, seen, source_error, target_error = _motion(clip, t)
    return Truth(
        source_lab, target_lab, touched & visible, shape, shape | ~stays,
        eroded(np.isin(after, asked_labels(clip)), INSIDE_PX), after == UPPER, kept_parts(before, after, touched),
        flow, seen, source_error, target_error,
    )  # fmt: skip


def asked_labels(clip: Clip) -> tuple[int, ...]:
    """The labels of what the prompt names."""
    if not clip.task.changes_outfit:
        return (HAIR,)
    return (UPPER, LOWER) if "," in clip.prompt else (UPPER,)


def kept_parts(before: np.ndarray, after: np.ndarray, touched: np.ndarray) -> dict[str, np.ndarray]:
    """Face, hands and background: labelled so before and after, and not at a garment's outline."""
    near = grown(touched, MARGIN_PX)
    return {name: (before == label) & (after == label) & ~near for name, label in KEPT.items()}


def grown(mask: np.ndarray, by_px: int) -> np.ndarray:
    """A bool mask with by_px more on every side."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by_px + 1,) * 2)) > 0


def _motion(clip: Clip, t: int) -> tuple[np.ndarray | None, np.ndarray | None, float, float]:
    """Flow of the target, pixels seen in both frames of both looks, and the films' own errors there.

    Each film is measured along its own flow; both over the same pixels.
    """
    if t == 0:
        return None, None, float("nan"), float("nan")
    flows, masks = [], []
    for look in (clip.worn, clip.asked):
        flows.append(clip.flow(look, t))
        masks.append(seen_in_both(look.labels[t - 1], look.labels[t], look.rgba[t][..., 3], flows[-1]))
    seen = masks[0] & masks[1]
    source_error = warp_error(clip.source[t - 1][..., :3], clip.source[t][..., :3], flows[0], seen)
    return flows[1], seen, source_error, warp_error(clip.target[t - 1], clip.target[t], flows[1], seen)
