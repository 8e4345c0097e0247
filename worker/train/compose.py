# SPDX-License-Identifier: Apache-2.0
"""Composes training samples: a source clip, the words of a change, and the edit layer that makes it.

Pure numpy/OpenCV, called by loader threads. The edit layer covers exactly the regions that the words are
about (before or after the change), so what words do not name is never painted.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.models.conditions import HAIRS, LOWERS, PATTERNS, SCENES, UPPERS, Conditions
from mirage_lsd.worker.train import degrade
from mirage_lsd.worker.train.dataset import World, Worlds
from mirage_lsd.worker.train.edits import LIGHTS, Edit, recolor, sample_edit, vary_clothes

_CHOSEN_SCENES = (2, 4, 0, 2, 5, 3)
SKIN, FACE, HAIR, UPPER, LOWER, OTHER, HAT = range(1, 8)
CHANGED_LABELS = {"upper": (UPPER,), "lower": (LOWER,), "hair": (HAIR, HAT), "expression": (FACE,)}


@dataclass(frozen=True)
class Sample:
    """T consecutive frames. source f32 [T,3,H,W], mask f32 [T,1,H,W], layer f32 [T,4,H,W] (straight RGBA target),
    labels u8 [T,H,W] of the source, flow f32 [T,2,H/8,W/8] in cells and occlusion f32 [T,1,H/8,W/8] to t-1,
    ids i64 [7], colors f32 [3,4]."""

    source: np.ndarray
    mask: np.ndarray
    layer: np.ndarray
    labels: np.ndarray
    flow: np.ndarray
    occlusion: np.ndarray
    ids: np.ndarray
    colors: np.ndarray


def compose(world: World | Worlds, rng: np.random.Generator, frames: int, size_px: tuple[int, int]) -> Sample:
    """One random sample of `frames` consecutive frames at a working size (width, height)."""
    number = int(rng.integers(world.clips))
    part, number = world.locate(number) if isinstance(world, Worlds) else (world, number)
    before, after = rng.choice(part.layers.shape[1], 2, replace=False)
    edit = sample_edit(rng, part.looks[number][before], part.looks[number][after])
    if edit.same_look:
        after = before
    view = sample_view(rng, size_px, part.layers.shape[4] / part.layers.shape[3])
    start = int(rng.integers(part.frames - frames + 1))
    stage = _Stage(part, scene_pictures(world), rng, view, edit)
    shots = [stage.shoot(number, int(before), int(after), start + t, t) for t in range(frames)]
    return _pack(shots, stage, edit)


def scene_pictures(world: World | Worlds) -> list[np.ndarray]:
    """One picture a scene, u8 [H,W,3], SCENES order: the model learns these by heart (its scene canvases), so
    they come from the first folder only and are chosen by eye."""
    scenes = (world.parts[0] if isinstance(world, Worlds) else world).scenes
    return [np.asarray(scenes[index, chosen % scenes.shape[1]]) for index, chosen in enumerate(_CHOSEN_SCENES)]


@dataclass(frozen=True)
class View:
    """Crop, zoom and mirror of the person layers: a 2x3 matrix from picture to layer px, constant over a clip."""

    size_px: tuple[int, int]
    matrix: np.ndarray
    mirrored: bool

    def layer(self, picture: np.ndarray, nearest: bool = False) -> np.ndarray:
        flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_CONSTANT
        return cv2.warpAffine(picture, self.matrix, self.size_px, flags=flags, borderMode=border)


def sample_view(rng: np.random.Generator, size_px: tuple[int, int], aspect: float) -> View:
    """Mostly close to the rendered framing; sometimes zoomed in to the upper part, as webcams are."""
    width, height = size_px
    base = max(320 / width, 192 / height) if aspect < width / height else min(320 / width, 192 / height)
    zoom = float(rng.uniform(0.55, 1.0)) if rng.random() < 0.6 else float(rng.uniform(1.0, 1.15))
    scale = base * zoom
    left = (320 - width * scale) * float(rng.uniform(0.25, 0.75))
    spare = 192 - height * scale
    top = spare * (float(rng.uniform(0.0, 1.0)) if spare > 0 else 1.0)  # keep feet/crop line at the bottom edge
    mirrored = bool(rng.random() < 0.5)
    matrix = np.float32([[scale, 0, left], [0, scale, top]])
    if mirrored:
        matrix = np.float32([[-scale, 0, left + (width - 1) * scale], [0, scale, top]])
    return View(size_px, matrix, mirrored)


@dataclass(frozen=True)
class _Shot:
    source: np.ndarray
    mask: np.ndarray
    layer: np.ndarray
    labels: np.ndarray
    person: np.ndarray
    flow: np.ndarray


class _Stage:
    """What stays the same over the frames of one sample: background, drift, faults, colours."""

    def __init__(self, part: World, scenes: list[np.ndarray], rng: np.random.Generator, view: View, edit: Edit):
        self.part, self.scenes, self.rng, self.view, self.edit = part, scenes, rng, view, edit
        width, height = view.size_px
        self.background = np.asarray(part.backgrounds[int(rng.integers(len(part.backgrounds)))])
        if rng.random() < 0.5:
            self.background = self.background[:, ::-1]
        if rng.random() < 0.25:
            self.background = cv2.GaussianBlur(np.ascontiguousarray(self.background), (0, 0), float(rng.uniform(1, 4)))
        self.drift = rng.normal(0, 1.0, 2) if rng.random() < 0.4 else np.zeros(2)
        self.zoom = float(rng.uniform(0.75, 1.0)) * min(384 / width, 224 / height) * 0.9
        self.corner = rng.uniform(0, 1, 2) * (384 - width * self.zoom, 224 - height * self.zoom)
        self.photometry = degrade.sample_photometry(rng).table()
        self.webcam = degrade.sample_webcam(rng)
        self.fault = degrade.sample_mask_fault(rng, width, height)
        self.clothes = vary_clothes(rng, part.backgrounds)

    def shoot(self, clip: int, before: int, after: int, frame: int, t: int) -> _Shot:
        part, view, edit = self.part, self.view, self.edit
        labels = merge_inner_shirt(view.layer(np.asarray(part.labels[clip, before, frame]), nearest=True))
        worn = view.layer(np.asarray(part.layers[clip, before, frame]))
        worn_rgb, person = cv2.LUT(self.clothes(worn[..., :3], labels), self.photometry), worn[..., 3]
        behind = cv2.LUT(self._background(t), self.photometry)
        source = over(worn_rgb, person, behind)
        if edit.same_look:
            new_rgb, new_labels, new_person = recolor(worn_rgb, labels, edit), labels, person
        else:
            new = view.layer(np.asarray(part.layers[clip, after, frame]))
            new_labels = merge_inner_shirt(view.layer(np.asarray(part.labels[clip, after, frame]), nearest=True))
            new_rgb, new_person = cv2.LUT(np.ascontiguousarray(new[..., :3]), self.photometry), new[..., 3]
        place = behind if edit.scene < 0 else cv2.resize(self.scenes[edit.scene], view.size_px,
                                                         interpolation=cv2.INTER_AREA)
        alpha = edit_alpha(labels, new_labels, person, new_person, edit)
        # Pixels that are only uncovered by the change show the new picture; kept ones the person as worn.
        target = over(new_rgb, new_person, place)
        if edit.scene >= 0 and not edit.names:
            target = over(worn_rgb, person, place)
        elif edit.scene >= 0:
            target = np.where(region_of(labels, new_labels, edit)[..., None], target, over(worn_rgb, person, place))
        layer = add_light(target, alpha, edit.light)
        return _Shot(self.webcam.apply(source, self.rng), self.fault.apply(person), layer, labels, person,
                     self._flow(clip, frame, person))

    def _background(self, t: int) -> np.ndarray:
        left, top = self.corner - self.drift * t * self.zoom
        matrix = np.float32([[self.zoom, 0, left], [0, self.zoom, top]])
        return cv2.warpAffine(self.background, matrix, self.view.size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                              borderMode=cv2.BORDER_REFLECT)

    def _flow(self, clip: int, frame: int, person: np.ndarray) -> np.ndarray:
        """Backward flow [2,h/8,w/8] in cells: the person's where it mostly is, else the camera's drift."""
        width, height = self.view.size_px
        rendered = np.asarray(self.part.flow[clip, frame]).astype(np.float32)
        shrunk = self.view.matrix.copy()
        shrunk[:, 2] /= 4
        shrunk[:, :2] *= 8 / 4
        cells = (width // 8, height // 8)
        moved = cv2.warpAffine(rendered, shrunk, cells, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        weight = cv2.warpAffine((np.abs(rendered).sum(2) > 0).astype(np.float32), shrunk, cells,
                                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        scale = abs(float(self.view.matrix[0, 0]))
        moved = moved / np.maximum(weight, 0.3)[..., None] / scale / 8.0
        if self.view.mirrored:
            moved[..., 0] *= -1
        inside = cv2.resize(person, cells, interpolation=cv2.INTER_AREA)[..., None] > 127
        return np.where(inside, moved, (-self.drift / 8.0).astype(np.float32)).transpose(2, 0, 1).astype(np.float32)


def over(color: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """u8 colour with u8 alpha [H,W] over an u8 picture."""
    weight = alpha.astype(np.float32) * (1.0 / 255.0)
    return cv2.blendLinear(np.ascontiguousarray(color), np.ascontiguousarray(behind), weight, 1.0 - weight)


def merge_inner_shirt(labels: np.ndarray) -> np.ndarray:
    """Label what is worn under an open jacket "upper" too: "other" between the chin and the hem of the upper."""
    face = np.flatnonzero((labels == FACE).any(axis=1))
    upper = np.flatnonzero((labels == UPPER).any(axis=1))
    if upper.size:
        rows = slice(face[-1] + 1 if face.size else 0, upper[-1] + 1)
        labels[rows][labels[rows] == OTHER] = UPPER
    return labels


def region_of(labels: np.ndarray, new_labels: np.ndarray, edit: Edit) -> np.ndarray:
    """bool [H,W]: pixels of what the words name, before or after; minus what kept things newly cover."""
    table, kept = np.zeros(8, bool), np.zeros(8, bool)
    for name, group in CHANGED_LABELS.items():
        (table if name in edit.names else kept)[list(group)] = True
    was, becomes = table[labels], table[new_labels]
    return (was & ~kept[new_labels]) | becomes | (was & (labels == new_labels))


def edit_alpha(labels: np.ndarray, new_labels: np.ndarray, person: np.ndarray, new_person: np.ndarray,
               edit: Edit) -> np.ndarray:
    """f32 [H,W]: where the layer paints."""
    alpha = np.zeros(labels.shape, np.float32)
    if edit.names:
        region = region_of(labels, new_labels, edit).astype(np.uint8)
        alpha = cv2.blur(cv2.dilate(region, np.ones((2, 2), np.uint8)).astype(np.float32), (3, 3))
    if edit.scene >= 0:
        uncovered = np.clip((255.0 - person) * (3.0 / 255.0), 0.0, 1.0).astype(np.float32)
        alpha = np.maximum(alpha, uncovered)
    return alpha


def add_light(target: np.ndarray, alpha: np.ndarray, light: int) -> np.ndarray:
    """f32 RGBA [H,W,4] of the edit layer with a translucent layer of coloured light over it (0 = none)."""
    rgb = target.astype(np.float32) * (1.0 / 255.0)
    if light:
        tint, share = LIGHTS[light]
        total = 1.0 - (1.0 - alpha) * (1.0 - share)
        below = ((1.0 - share) * alpha)[..., None] * rgb
        rgb = (share * np.float32(tint) + below) / np.maximum(total, 1e-3)[..., None]
        alpha = total
    return np.concatenate([rgb, alpha[..., None]], axis=2)


def _pack(shots: list[_Shot], stage: _Stage, edit: Edit) -> Sample:
    def planes(pictures: list[np.ndarray]) -> np.ndarray:
        return np.stack([np.ascontiguousarray(item.transpose(2, 0, 1)) for item in pictures])

    occlusion = [np.zeros((1, *shots[0].flow.shape[1:]), np.float32)]
    for previous, now in zip(shots[:-1], shots[1:], strict=True):
        occlusion.append(occluded(previous.person, now.person, now.flow))
    ids, colors = edit.conditions.to_tokens()
    return Sample(planes([shot.source for shot in shots]).astype(np.float32) / 255.0,
                  np.stack([shot.mask[None] for shot in shots]).astype(np.float32) / 255.0,
                  planes([shot.layer for shot in shots]).astype(np.float32),
                  np.stack([shot.labels for shot in shots]), np.stack([shot.flow for shot in shots]),
                  np.stack(occlusion), ids[0], colors[0])


def occluded(before: np.ndarray, now: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """f32 [1,h,w]: cells whose content (person or background) was something else where the flow points."""
    rows, columns = flow.shape[1:]
    was = cv2.resize(before, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    is_now = cv2.resize(now, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    grid = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    moved = cv2.remap(was, grid[0] + flow[0], grid[1] + flow[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                      borderValue=-1)
    return (np.abs(moved - is_now) > 0.45).astype(np.float32)[None]


__all__ = ["Conditions", "HAIRS", "LOWERS", "PATTERNS", "SCENES", "UPPERS", "Sample", "compose"]
