# SPDX-License-Identifier: Apache-2.0
"""Composes training samples: a source clip, the words of a change, and the edit layer that makes it.

Pure numpy/OpenCV, called by loader threads. The edit layer covers exactly the regions that the words are
about (before or after the change), so what words do not name is never painted.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.behind import background_share
from mirage_lsd.worker.paint.background.fill_in import filled
from mirage_lsd.worker.paint.cloth import NEUTRAL, albedo
from mirage_lsd.worker.train.samples import degrade
from mirage_lsd.worker.train.samples.coverage import HAIR, LOWER, edit_alpha, merge_inner_shirt, occluded, over
from mirage_lsd.worker.train.samples.dataset import World, Worlds
from mirage_lsd.worker.train.samples.edits import Edit, sample_edit, sample_worn, shape_changes, vary_extras
from mirage_lsd.worker.train.samples.folds import folded, sample_folds
from mirage_lsd.worker.train.samples.prints import printed, sample_light_field, sample_print
from mirage_lsd.worker.train.samples.segment import sample_masks
from mirage_lsd.worker.train.samples.true_flow import AROUND_CELLS, true_flow
from mirage_lsd.worker.train.samples.views import CLOSEST, Backdrop, View, sample_view
from mirage_lsd.worker.train.world.paint import multiplier, shares

SHAPE_SHARE, SHAPE_TRIES = 0.75, 24  # so often a sample is looked for whose outlines change
SHAPE_KINDS = {"hair": 5 / 15, "legs": 4 / 15, "arms": 4 / 15, "bare": 2 / 15}
LEAST_LEGS = 0.02  # of the picture, for legs to be worth changing


@dataclass(frozen=True)
class Sample:
    """T consecutive frames at the working size.

    source f32 [T,3,H,W]; mask f32 [T,1,H,W]: person mask as a segmenter errs; layer f32 [T,8,H,W]: target buffers in
    config.BUFFERS order; dye f32 [T,3,H,W]: upper cloth's albedo / NEUTRAL; tints f32 [2,3]: the same of lower and
    hair; place f32 [T,3,H,W]: the scene picture, or what may lie behind the person; labels u8 [T,H,W] of the source;
    surface f32 [T,3,H/4,W/4]: of the source, in config.SURFACE order; flow f32 [T,2,H/8,W/8] in cells and occlusion
    f32 [T,1,H/8,W/8] to t-1; ids i64 [7]; colors f32 [3,4].
    """

    source: np.ndarray
    mask: np.ndarray
    layer: np.ndarray
    dye: np.ndarray
    tints: np.ndarray
    place: np.ndarray
    labels: np.ndarray
    surface: np.ndarray
    flow: np.ndarray
    occlusion: np.ndarray
    ids: np.ndarray
    colors: np.ndarray


@dataclass(frozen=True)
class SourceSample:
    """source, mask, labels, surface and flow as in Sample."""

    source: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    surface: np.ndarray
    flow: np.ndarray


def compose(world: World | Worlds, rng: np.random.Generator, frames: int, size_px: tuple[int, int]) -> Sample:
    """One random sample of `frames` consecutive frames at a working size (width, height)."""
    part, number, before, after = _sample_looks(world, rng)
    edit = sample_edit(rng, part.looks[number][before], part.looks[number][after])
    if edit.same_look:
        after = before
    view = sample_view(rng, size_px, part.layer_px)
    start = int(rng.integers(part.frames - frames + 1))
    stage = _Stage(part, rng, view)
    shots = [stage.shoot(edit, number, before, after, start + t, t) for t in range(frames)]
    return _pack(shots, stage, edit)


def compose_source(world: World | Worlds, rng: np.random.Generator, frames: int, size_px: tuple[int, int],
                   closest: float = CLOSEST) -> SourceSample:
    """One random source with what is true of it."""
    part, number = _any_clip(world, rng)
    look = int(rng.integers(part.layers.shape[1]))
    view = sample_view(rng, size_px, part.layer_px, closest)
    stage = _Stage(part, rng, view)
    start = int(rng.integers(part.frames - frames + 1))
    shots = [stage.source(number, look, start + t, t) for t in range(frames)]
    return SourceSample(*(_planes(shots, name) for name in ("picture", "mask")),
                        np.stack([shot.labels for shot in shots]), _planes(shots, "surface")[:, :, 2::4, 2::4],
                        np.stack([stage.flow(number, start + t, shot.worn.person, AROUND_CELLS)
                                  for t, shot in enumerate(shots)]))


def _any_clip(world: World | Worlds, rng: np.random.Generator) -> tuple[World, int]:
    number = int(rng.integers(world.clips))
    return world.locate(number) if isinstance(world, Worlds) else (world, number)


def _sample_looks(world: World | Worlds, rng: np.random.Generator) -> tuple[World, int, int, int]:
    """A folder, a clip of it, the look that is worn and the one that is asked for (in standard form)."""
    wanted = str(rng.choice(list(SHAPE_KINDS), p=list(SHAPE_KINDS.values()))) if rng.random() < SHAPE_SHARE else None
    for _ in range(1 if wanted is None else SHAPE_TRIES):
        part, number = _any_clip(world, rng)
        before = int(rng.integers(part.layers.shape[1]))
        after = int(rng.choice([look for look in range(1, part.layers.shape[1]) if look != before]))
        if wanted in shape_changes(part.looks[number][before], part.looks[number][after]) and (
                wanted != "legs" or _shows_legs(part, number, before)):
            break
    return part, number, before, after


def _shows_legs(part: World, number: int, look: int) -> bool:
    return float(np.mean(np.asarray(part.labels[number, look, 0, ::8, ::8]) == LOWER)) >= LEAST_LEGS


@dataclass(frozen=True)
class _Look:
    """One rendered look in the view: undyed RGB u8, labels and person u8, surface f32 [H,W,3]."""

    rgb: np.ndarray
    labels: np.ndarray
    person: np.ndarray
    surface: np.ndarray


@dataclass(frozen=True)
class _Source:
    """picture u8 [H,W,3]; mask u8 [H,W,1]; labels u8 [H,W]; surface f32 [H,W,3]."""

    picture: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    surface: np.ndarray
    worn: _Look


@dataclass(frozen=True)
class _Shot:
    source: _Source
    layer: np.ndarray
    dye: np.ndarray
    place: np.ndarray
    flow: np.ndarray


class _Cloth(NamedTuple):
    """How what the source wears looks beyond its dyes; what a sample does not have is None."""

    print: Any
    light: np.ndarray | None
    folds: Any


class _Stage:
    """What stays the same over the frames of one sample: background, drift, faults, dyes."""

    def __init__(self, part: World, rng: np.random.Generator, view: View):
        self.part, self.rng, self.view = part, rng, view
        width, height = view.size_px
        self.backdrop = Backdrop(part.backgrounds, rng, view.size_px)
        self.photometry = degrade.sample_photometry(rng).table()
        self.webcam = degrade.sample_webcam(rng)
        self.masks = sample_masks(rng, width, height)
        self.extras, self.worn = vary_extras(rng), sample_worn(rng)
        print_, light = sample_print(rng, part.backgrounds), sample_light_field(rng, view.size_px)
        self.cloth = _Cloth(print_, light, sample_folds(rng))
        places = part.scenes.reshape(-1, *part.scenes.shape[2:])
        self.place = cv2.resize(np.asarray(places[int(rng.integers(len(places)))]), view.size_px,
                                interpolation=cv2.INTER_AREA)

    def source(self, clip: int, look: int, frame: int, t: int) -> _Source:
        worn = self._look(clip, look, frame)
        cloth = albedo(self.worn.cloth, np.ascontiguousarray(worn.surface[..., :2]))
        cloth = printed(cloth, self.cloth.print, worn.surface)
        factor = multiplier(shares(worn.labels), cloth, self.worn.lower, self.worn.hair) * self.extras[worn.labels]
        colored = cv2.multiply(worn.rgb, factor.astype(np.float32), dtype=cv2.CV_8U)
        behind = cv2.LUT(self.backdrop.at(t), self.photometry)
        clean = over(cv2.LUT(colored, self.photometry), worn.person, behind)
        picture = self.webcam.apply(clean, self.rng)
        mask = self.masks.of(picture, worn.person, worn.labels == HAIR)[..., None]
        return _Source(picture, mask, merge_inner_shirt(worn.labels.copy()), worn.surface, worn)

    def shoot(self, edit: Edit, clip: int, before: int, after: int, frame: int, t: int) -> _Shot:
        source = self.source(clip, before, frame, t)
        asked = source.worn if after == before else self._look(clip, after, frame)
        undyed = cv2.LUT(asked.rgb, self.photometry)
        new_labels = merge_inner_shirt(asked.labels.copy())
        alpha = edit_alpha(source.labels, new_labels, source.worn.person, asked.person, edit)
        layer = self._layer(edit, alpha, undyed, asked, source)
        place = self.place if edit.scene else _behind(source)
        dye = albedo(edit.cloth, np.ascontiguousarray(asked.surface[..., :2])) / NEUTRAL
        return _Shot(source, layer, dye, place, self.flow(clip, frame, source.worn.person))

    def _look(self, clip: int, look: int, frame: int) -> _Look:
        part, view = self.part, self.view
        rgba = view.person(np.asarray(part.layers[clip, look, frame]))
        labels = view.layer(np.asarray(part.labels[clip, look, frame]), nearest=True)
        surface = view.layer(np.asarray(part.surface[clip, look, frame]).astype(np.float32), edge=True)
        if view.mirrored:
            surface[..., 0] *= -1
        rgb = np.ascontiguousarray(rgba[..., :3])
        if self.cloth.light is not None:
            rgb = cv2.multiply(rgb, self.cloth.light, dtype=cv2.CV_8U)
        if self.cloth.folds is not None:
            rgb = folded(rgb, self.cloth.folds, surface, shares(labels)[..., :2].sum(2))
        return _Look(rgb, labels, np.ascontiguousarray(rgba[..., 3]), surface)

    def _layer(self, edit: Edit, alpha: np.ndarray, undyed: np.ndarray, asked: _Look, source: _Source) -> np.ndarray:
        """Target buffers f32 [H,W,8]. Colours at the person's outline are the person's own; what the background shows
        there, and where the look uncovers it, the scene share says."""
        dyes = shares(asked.labels) * np.float32([name in edit.names for name in ("upper", "lower", "hair")])
        scene = 1.0 - (asked if edit.names else source.worn).person.astype(np.float32) / 255.0
        planes = [undyed.astype(np.float32) / 255.0, alpha[..., None], dyes, scene[..., None]]
        return np.concatenate(planes, axis=2)

    def flow(self, clip: int, frame: int, person: np.ndarray, around: int = 0) -> np.ndarray:
        """See true_flow.py."""
        return true_flow(np.asarray(self.part.flow[clip, frame]), self.view, person, self.backdrop.drift, around)


def _behind(source: _Source) -> np.ndarray:
    """u8 [H,W,3], filled in as live: from the picture as a camera gives it, and the mask as a segmenter errs."""
    return filled(source.picture, background_share(source.mask[..., 0].astype(np.float32) / 255.0))


def _planes(shots: list, name: str) -> np.ndarray:
    """[H,W,C] of every shot as f32 [T,C,H,W]; pictures (u8) as 0..1."""
    pictures = np.stack([getattr(shot, name).transpose(2, 0, 1) for shot in shots])
    return pictures.astype(np.float32) / 255.0 if pictures.dtype == np.uint8 else pictures.astype(np.float32)


def _pack(shots: list[_Shot], stage: _Stage, edit: Edit) -> Sample:
    occlusion = [np.zeros((1, *shots[0].flow.shape[1:]), np.float32)]
    for previous, now in zip(shots[:-1], shots[1:], strict=True):
        occlusion.append(occluded(previous.source.worn.person, now.source.worn.person, now.flow))
    ids, colors = edit.conditions.to_tokens()
    sources = [shot.source for shot in shots]
    return Sample(_planes(sources, "picture"), _planes(sources, "mask"), _planes(shots, "layer"), _planes(shots, "dye"),
                  np.float32([edit.lower, edit.hair]) / NEUTRAL, _planes(shots, "place"),
                  np.stack([source.labels for source in sources]), _planes(sources, "surface")[:, :, 2::4, 2::4],
                  np.stack([shot.flow for shot in shots]), np.stack(occlusion), ids[0], colors[0])
