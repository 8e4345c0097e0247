# SPDX-License-Identifier: Apache-2.0
"""Cloth: the words decide it, its pattern is what it is called at every size, and it stays on the body."""

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.models.conditions import COLORS
from mirage_lsd.worker.models.conditions import PATTERNS as WORDS
from mirage_lsd.worker.paint.cloth import (
    PATTERNS,
    albedo,
    albedo_u8,
    emission,
    pixel_size_m,
    second_color,
    standard_cloth,
    texel_level,
)

RED, BLACK, WHITE = (tuple(part / 255 for part in COLORS[name]) for name in ("red", "black", "white"))


def torso(width, height):
    """(surface f32 [H,W,2], mask, shade) of a chest that fills the picture's middle, seen slightly askew."""
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / width, (np.arange(height) + 0.5 - height * 0.4) / width)
    around = np.arcsin(np.clip(x / 0.24, -1, 1)) * 0.19
    xz = np.stack([around, 0.45 - y - 0.15 * x * x + 0.03 * x], 2).astype(np.float32)
    return xz, (np.abs(x) < 0.23) & (y > -0.02), np.sqrt(np.clip(1 - (x / 0.26) ** 2, 0.15, 1))


def test_the_patterns_are_the_vocabularys():
    assert PATTERNS == WORDS


@pytest.mark.parametrize("size_px", [(320, 192), (640, 360)])
@pytest.mark.parametrize("color", [RED, BLACK, WHITE])
@pytest.mark.parametrize("pattern", ["plain", "stripes", "check", "dots"])
def test_the_named_pattern_is_there(pattern, color, size_px):
    patterns = pytest.importorskip("mirage_lsd.worker.eval.measures.patterns")
    xz, mask, shade = torso(*size_px)
    lit = albedo(standard_cloth(pattern, color), xz) * (0.55 + 0.5 * shade[..., None])
    picture = np.where(mask[..., None], lit, 0.4)[..., ::-1]
    assert patterns.named_pattern((np.clip(picture, 0, 1) * 255).astype(np.uint8), mask) == pattern


@pytest.mark.parametrize("pattern", PATTERNS)
def test_words_alone_decide_the_look_and_other_seeds_vary_it(pattern):
    usual = standard_cloth(pattern, RED)
    assert usual == standard_cloth(pattern, RED, 0) and usual.scale == 1.0 and usual.angle == 0.0
    others = {standard_cloth(pattern, RED, seed) for seed in range(1, 9)}
    assert others == {usual} if pattern == "plain" else len(others) > 4
    assert all(0.75 <= other.scale <= 1.4 for other in others)


@pytest.mark.parametrize("name", sorted(COLORS))
@pytest.mark.parametrize("pattern", ["stripes", "check", "dots"])
def test_the_second_colour_reads_against_the_first(name, pattern):
    main = tuple(part / 255 for part in COLORS[name])
    gap = np.dot(np.subtract(main, second_color(main, pattern)), (0.299, 0.587, 0.114))
    assert abs(gap) > 0.18


def test_a_pattern_repeats_at_its_period_and_follows_the_surface():
    cloth = standard_cloth("stripes", RED)
    z = np.linspace(-0.4, 0.4, 801, dtype=np.float32)
    line = albedo(cloth, np.stack([np.zeros((1, 801), np.float32), z[None]], 2), 0.001)[0, :, 1]
    assert np.abs(line[:-50] - line[50:]).max() < 0.05  # 5 cm
    assert np.ptp(line) > 0.7
    xz, mask, _ = torso(320, 192)
    moved = np.roll(xz, (7, 11), (0, 1))
    assert np.array_equal(np.roll(albedo(cloth, xz, 0.003), (7, 11), (0, 1)), albedo(cloth, moved, 0.003))


def test_far_away_a_pattern_is_its_mean_and_does_not_shimmer():
    cloth = standard_cloth("check", BLACK)
    xz, *_ = torso(320, 192)
    far = albedo(cloth, xz * np.float32(10), pixel_size_m(xz) * 10)
    assert far[..., 0].std() < 0.6 * albedo(cloth, xz)[..., 0].std()
    assert texel_level(0.001) == 0 < texel_level(0.004) < texel_level(1.0)


def test_every_pattern_answers_any_surface():
    wild = np.random.default_rng(0).normal(0, 3, (40, 60, 2)).astype(np.float32)
    for pattern in PATTERNS:
        values = albedo(standard_cloth(pattern, RED), wild)
        assert values.shape == (40, 60, 3) and values.dtype == np.float32
        assert 0 <= values.min() and values.max() <= 1
    with pytest.raises(ValueError, match="f32"):
        albedo_u8(standard_cloth("dots", RED), wild.astype(np.float64))


def test_only_neon_trim_glows_along_its_lines_and_edge():
    xz, mask, _ = torso(320, 192)
    upper = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    assert emission(standard_cloth("stripes", RED), xz, upper) is None
    light = emission(standard_cloth("neon trim", RED), xz, upper).max(2)
    line = (np.abs(np.abs(xz[..., 0]) - 0.10) < 0.002) & (upper > 0.99)
    ground = (np.abs(xz[..., 0]) < 0.03) & (upper > 0.999)
    assert light[line].min() > 0.8 and light[ground].max() < 0.05 and light[upper < 0.2].max() < 0.3
