# SPDX-License-Identifier: Apache-2.0
"""The full-size arithmetic against a plain numpy form of the same rule, and what it must never touch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.models.conditions import parse_conditions
from mirage_lsd.worker.paint import apply_layer
from mirage_lsd.worker.paint.apply_layer import LayerApplier, scene_box
from mirage_lsd.worker.paint.cloth import NEUTRAL, albedo, emission, standard_cloth
from mirage_lsd.worker.paint.dye import Dyes, dyes_for
from mirage_lsd.worker.paint.layer_box import cut, fit_box
from mirage_lsd.worker.paint.layer_maps import LayerMaps

WORKING_PX, FULL_PX = (160, 96), (320, 180)
LEVELS = 2.0  # two roundings to u8 on the way, each half a level, and float order


def body(scene: bool = False) -> LayerMaps:
    """A torso's layer in the middle, smooth all over, with a surface; the background as scene if asked."""
    width, height = WORKING_PX
    x, y = np.meshgrid((np.arange(width) + 0.5) / width - 0.5, (np.arange(height) + 0.5) / height)
    torso = np.clip((0.22 - np.abs(x)) * 20, 0, 1) * np.clip((y - 0.35) * 12, 0, 1)
    legs = torso * np.clip((y - 0.75) * 12, 0, 1)
    hair = np.clip((0.15 - np.hypot(x, (y - 0.2))) * 20, 0, 1)
    behind = 1.0 - np.clip(np.maximum(torso, hair) * 1.2, 0, 1) if scene else np.zeros_like(torso)
    shares = np.stack([torso - legs, legs, hair, behind]).astype(np.float32)
    alpha = np.maximum(np.maximum(torso, hair), behind)
    light = 0.6 + 0.25 * np.sin(x * 12) + 0.1 * np.cos(y * 9)
    layer = np.stack([light * 250, light * 240, light * 260 + 20]).astype(np.float32)
    mask = np.stack([0.3 + 0.2 * x, alpha - 0.1 * (alpha > 0), 0.2 * (alpha > 0)]).astype(np.float32)
    along = cv2.resize(np.stack([x * 0.8, 0.55 - y * 0.6], 2).astype(np.float32), (width // 4, height // 4),
                       interpolation=cv2.INTER_AREA)
    return LayerMaps(layer, mask, shares, along)


def frame_of(rng: np.random.Generator) -> np.ndarray:
    width, height = FULL_PX
    return cv2.resize(rng.integers(0, 256, (12, 20, 4), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def plain(frame, maps: LayerMaps, dyes: Dyes, strength: float, scene=None) -> np.ndarray:
    """The rule of apply_layer.py in plain float arithmetic."""
    def up(values):
        return cv2.resize(values, FULL_PX, interpolation=cv2.INTER_LINEAR)

    luma = cv2.cvtColor(frame, cv2.COLOR_BGRA2GRAY).astype(np.float32)[..., None]
    detail, offset, slope = (up(plane)[..., None] for plane in maps.mask)
    upper, lower, hair, place = (up(plane)[..., None] for plane in maps.shares)
    xz = up(maps.surface)
    factor = np.ones((*luma.shape[:2], 3))
    if dyes.upper is not None:
        factor += upper * (albedo(dyes.upper, xz, LayerApplier(*FULL_PX).pixel_m(maps))[..., ::-1] / NEUTRAL - 1)
    for share, color in ((lower, dyes.lower), (hair, dyes.hair)):
        if color is not None:
            factor += share * (np.asarray(color)[::-1] / NEUTRAL - 1)
    layer = np.clip((up(maps.layer.transpose(1, 2, 0)) + detail * luma) * factor, 0, 255)
    if dyes.upper is not None and (light := emission(dyes.upper, xz, upper[..., 0])) is not None:
        layer = np.clip(layer + light[..., ::-1] * 255, 0, 255)
    if scene is not None:
        layer += place * (scene - layer)
    alpha = np.clip(offset + slope * luma / 255, 0, 1)
    return frame[..., :3] + strength * alpha * (layer - frame[..., :3])


@pytest.mark.parametrize("prompt", [
    "smile", "red hoodie", "striped blue t-shirt, black jeans, blonde hair", "check red shirt, beach",
    "green dots dress, space", "forest", "neon trim black jacket", "camouflage olive top, city night",
    "floral pink dress, ginger hair, studio",
])  # fmt: skip
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_picture_is_the_plain_rules(prompt, strength):
    rng = np.random.default_rng(3)
    dyes, frame = dyes_for(parse_conditions(prompt)), frame_of(rng)
    scene = None if dyes.scene is None else np.ascontiguousarray(frame_of(rng)[..., :3])
    maps = body(scene is not None)
    got = LayerApplier(*FULL_PX).apply(frame, maps, dyes, strength, scene)
    assert np.array_equal(got[..., 3], frame[..., 3])
    wanted = plain(frame, maps, dyes, strength, scene)
    difference = np.abs(got[..., :3] - wanted)
    assert difference.max() <= LEVELS and difference.mean() < 0.6, (difference.max(), difference.mean())
    assert np.abs(got[..., :3].astype(int) - frame[..., :3]).max() > 20, "nothing was painted"


@pytest.mark.parametrize("prompt", ["smile", "striped blue t-shirt", "neon trim black jacket"])
def test_what_is_behind_shows_where_the_scene_share_says_so(prompt):
    """Without a scene in the words: a strip at the torso's edge is background that came free."""
    rng = np.random.default_rng(4)
    dyes, frame, maps = dyes_for(parse_conditions(prompt)), frame_of(rng), body()
    strip = np.zeros_like(maps.shares[3])
    strip[40:80, 50:60] = np.linspace(0, 1, 10, dtype=np.float32)
    maps = replace(maps, shares=np.concatenate([maps.shares[:3], strip[None]]))
    behind = np.ascontiguousarray(frame_of(rng)[..., :3])
    box = scene_box(maps, FULL_PX)
    told = np.zeros_like(behind)
    cut(told, box.full)[:] = cut(behind, box.full)
    got = LayerApplier(*FULL_PX).apply(frame, maps, dyes, 1.0, told)
    difference = np.abs(got[..., :3] - plain(frame, maps, dyes, 1.0, behind))
    assert difference.max() <= LEVELS, difference.max()
    without = LayerApplier(*FULL_PX).apply(frame, maps, dyes, 1.0)
    assert np.abs(got[..., :3].astype(int) - without[..., :3]).max() > 20


def test_strength_zero_is_the_frame_and_strength_is_monotone():
    rng = np.random.default_rng(5)
    frame, maps = frame_of(rng), body(True)
    dyes, applier = dyes_for(parse_conditions("striped red t-shirt, blue jeans, space")), LayerApplier(*FULL_PX)
    scene = np.ascontiguousarray(frame_of(rng)[..., :3])
    pictures = [applier.apply(frame, maps, dyes, strength, scene).astype(int) for strength in np.linspace(0, 1, 9)]
    assert np.array_equal(pictures[0], frame)
    direction = np.sign(pictures[-1] - pictures[0])
    for before, after in zip(pictures[:-1], pictures[1:], strict=True):
        assert (((after - before) * direction) >= 0).all()


def test_where_the_layer_does_not_show_the_frame_stays():
    frame, maps = frame_of(np.random.default_rng(7)), body()
    got = LayerApplier(*FULL_PX).apply(frame, maps, dyes_for(parse_conditions("dots red t-shirt")), 1.0)
    covered = cv2.resize(maps.mask[1] + maps.mask[2], FULL_PX)
    assert np.array_equal(got[covered < 1e-4], frame[covered < 1e-4])
    assert (covered < 1e-4).any()
    empty = LayerMaps(maps.layer, np.zeros_like(maps.mask), maps.shares, maps.surface)
    assert np.array_equal(LayerApplier(*FULL_PX).apply(frame, empty, Dyes(), 1.0), frame)


@pytest.mark.parametrize("words", ["check red shirt, city night", "neon trim black hoodie"])
@pytest.mark.parametrize("full_px", [FULL_PX, (321, 181), (640, 360)])
def test_bands_join_without_a_seam(words, full_px, monkeypatch):
    dyes, maps = dyes_for(parse_conditions(words)), body(scene=True)
    frame = cv2.resize(frame_of(np.random.default_rng(3)), full_px)
    scene = np.full((full_px[1], full_px[0], 3), 90, np.uint8) if dyes.scene else None
    banded = LayerApplier(*full_px).apply(frame, maps, dyes, 0.8, scene)
    monkeypatch.setattr(apply_layer, "MOST_BANDS", 1)
    whole = LayerApplier(*full_px).apply(frame, maps, dyes, 0.8, scene)
    assert np.abs(banded.astype(int) - whole).max() <= 1  # the order of float sums differs at a seam
    assert not np.array_equal(whole, frame)


def test_a_part_without_a_colour_is_not_dyed():
    frame, maps = frame_of(np.random.default_rng(9)), body()
    undyed = LayerApplier(*FULL_PX).apply(frame, maps, Dyes(), 1.0)
    upper_only = LayerApplier(*FULL_PX).apply(frame, maps, Dyes(upper=standard_cloth("plain", (0.9, 0.1, 0.1))), 1.0)
    other = cv2.resize(maps.shares[0], FULL_PX) == 0
    assert np.array_equal(undyed[other], upper_only[other]) and not np.array_equal(undyed, upper_only)


@pytest.mark.parametrize("full_px", [(640, 360), (641, 359), (1280, 720), (320, 192), (854, 480)])
def test_a_box_lies_on_whole_pixels_of_both_sizes(full_px):
    shown = np.zeros((192, 320), bool)
    shown[60:150, 97:201] = True
    box = fit_box(shown, full_px)
    for near, full, small, large in zip(box.near, box.full, (320, 192) * 2, full_px * 2, strict=True):
        assert near * large == full * small
    assert box.near[0] <= 97 and box.near[1] <= 60 and box.near[2] >= 201 and box.near[3] >= 150


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="frame must be"):
        LayerApplier(*FULL_PX).apply(np.zeros((10, 10, 4), np.uint8), body(), Dyes(), 1.0)
