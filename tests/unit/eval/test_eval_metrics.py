# SPDX-License-Identifier: Apache-2.0
"""The evaluation's pure metrics: each is checked against a value known beforehand."""

import numpy as np
import pytest

pytest.importorskip("skimage", reason="scikit-image (training extra) is not installed")

from mirage_lsd.worker.eval import gates, statistics
from mirage_lsd.worker.eval.measures import matte, metrics, warp

RED, BLUE = (30, 30, 200), (200, 60, 30)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """bool [H,W]: where two u8 BGR pictures differ visibly, as the scorer has it."""
    return metrics.distance(metrics.lab(before), metrics.lab(after)) > metrics.CHANGED_DELTA_E


def flat(color, size=(192, 320)):
    return np.full((*size, 3), color, np.uint8)


def noise(seed, size=(192, 320)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_changed_finds_the_painted_square_and_nothing_else():
    after = flat(RED)
    after[50:100, 60:160] = BLUE
    true = np.zeros((192, 320), bool)
    true[50:100, 60:160] = True
    assert metrics.iou(changed(flat(RED), after), true) == 1.0
    assert not changed(flat(RED), flat((32, 31, 199))).any()


def test_iou_of_half_overlapping_masks_is_a_third():
    first, second = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    first[:, :4], second[:, 2:6] = True, True
    assert metrics.iou(first, second) == pytest.approx(1 / 3)
    assert metrics.iou(np.zeros((4, 4), bool), np.zeros((4, 4), bool)) == 1.0


def test_delta_e_is_zero_for_equal_and_about_what_the_standard_says_for_black_and_white():
    mask = np.ones((192, 320), bool)
    assert metrics.mean_delta_e(flat(RED), flat(RED), mask) == 0.0
    assert metrics.mean_delta_e(flat((0, 0, 0)), flat((255, 255, 255)), mask) == pytest.approx(100.0, abs=0.5)
    assert np.isnan(metrics.mean_delta_e(flat(RED), flat(BLUE), ~mask))


def test_delta_e_looks_only_under_the_mask():
    other = flat(RED)
    other[:, 160:] = BLUE
    left = np.zeros((192, 320), bool)
    left[:, :160] = True
    assert metrics.mean_delta_e(flat(RED), other, left) == 0.0
    assert metrics.mean_delta_e(flat(RED), other, ~left) > 20.0


def test_psnr_of_a_known_offset():
    square = metrics.mean_square(flat((100, 100, 100)), flat((110, 110, 110)))
    assert square == 100.0
    assert metrics.decibels(square) == pytest.approx(28.131, abs=1e-3)
    assert metrics.decibels(0.0) == metrics.SAME_DB


def test_ms_ssim_orders_pictures_by_damage():
    picture = np.repeat(np.repeat(noise(1, (24, 40)), 8, 0), 8, 1)
    worse = picture + np.random.default_rng(2).normal(0, 60, picture.shape)
    worse = np.clip(worse, 0, 255).astype(np.uint8)
    assert metrics.ms_ssim(picture, picture) == pytest.approx(1.0, abs=1e-6)
    assert metrics.ms_ssim(picture, worse) < 0.97
    assert metrics.ms_ssim(picture, 255 - picture) < metrics.ms_ssim(picture, worse)
    with pytest.raises(ValueError, match="176"):
        metrics.ms_ssim(picture[:100], picture[:100])


def test_a_film_that_moves_as_the_flow_says_has_no_warp_error():
    before = noise(3)
    now = np.roll(before, 5, axis=1)
    flow = np.zeros((192, 320, 2), np.float32)
    flow[..., 0] = -5
    labels, person = np.zeros((192, 320), np.uint8), np.zeros((192, 320), np.uint8)
    seen = warp.seen_in_both(labels, labels, person, flow)
    assert warp.warp_error(before, now, flow, seen) == 0.0
    assert warp.warp_error(before, now, np.zeros_like(flow), seen) > 50.0
    assert not seen[:, :5].any() and seen[:, 5:].all()  # what came in from outside was not seen before


def test_uncovered_pixels_and_outlines_do_not_count():
    before, now = np.zeros((192, 320), np.uint8), np.zeros((192, 320), np.uint8)
    before[60:120, 100:160], now[60:120, 110:170] = 4, 4
    flow = warp.full_flow(np.full((48, 80, 2), (-10, 0), np.float16), np.where(now, 255, 0).astype(np.uint8), (0, 0))
    seen = warp.seen_in_both(before, now, np.where(now, 255, 0).astype(np.uint8), flow)
    assert seen[90, 140] and seen[20, 20]
    assert not seen[60:120, 100:110].any()  # was cloth, is background
    assert not seen[90, 111] and not seen[90, 168]  # too near the outline


def test_full_flow_gives_the_background_the_cameras_motion():
    person = np.zeros((192, 320), np.uint8)
    person[50:100, 50:100] = 255
    flow = warp.full_flow(np.full((48, 80, 2), (3, -2), np.float16), person, (0.5, 0.25))
    assert flow[75, 75] == pytest.approx((3, -2))
    assert flow[10, 10] == pytest.approx((-0.5, -0.25))


def test_matte_is_what_the_scene_does_not_cover():
    source = flat((255, 255, 255))
    source[:, 160:] = 0
    maps = {"mask": np.zeros((1, 3, 96, 160), np.float32), "shares": np.ones((1, 4, 96, 160), np.float32)}
    maps["mask"][:, 1], maps["mask"][:, 2] = 0.25, 0.5
    alpha = matte.scene_alpha(source, maps)
    assert alpha[5, 10] == pytest.approx(0.75) and alpha[5, 300] == pytest.approx(0.25)
    maps["shares"][:, 3] = 0.5
    assert matte.scene_alpha(source, maps)[5, 10] == pytest.approx(0.375)
    person = np.zeros((192, 320), np.uint8)
    person[:, 160:] = 255
    assert matte.matte_error(np.where(person > 0, 0.0, 1.0), person) == 0.0
    assert matte.matte_error(np.zeros((192, 320)), person) == pytest.approx(0.5)
    assert matte.matte_error(alpha, person) == pytest.approx(0.25)


def test_the_interval_holds_the_mean_and_narrows_with_agreement():
    low, high = statistics.bootstrap_interval([0.1, 0.5, 0.3, 0.4, 0.2, 0.3])
    assert 0.1 < low < 0.3 < high < 0.5
    assert statistics.bootstrap_interval([0.3] * 6) == pytest.approx((0.3, 0.3))
    assert statistics.bootstrap_interval([0.3]) is None


def test_drift_is_the_worst_figure():
    first = {"garment_iou": 0.8, "garment_delta_e": 6.0}
    assert statistics.drift_percent(first, {"garment_iou": 0.82, "garment_delta_e": 6.6}) == pytest.approx(10.0)
    assert statistics.drift_percent(first, first) == 0.0


def test_mean_skips_what_is_not_there():
    assert statistics.mean([1.0, None, float("nan"), 3.0]) == 2.0
    assert statistics.mean([None]) is None
    assert statistics.percent_worse(11.0, 10.0) == pytest.approx(10.0)


def test_gates_pass_fail_or_wait():
    verdicts = gates.judge({"garment_iou": 0.79, "garment_delta_e": 12.0, "matte_error": 0.2})
    assert verdicts["garment_iou"]["passed"] is False
    assert verdicts["garment_delta_e"]["passed"] is True
    assert verdicts["drift_percent"]["passed"] is None
    assert gates.failed({"garment_iou": 0.79, "garment_delta_e": 12.0, "matte_error": 0.2}) == [
        "garment_iou", "matte_error"]  # fmt: skip


def test_the_warp_ratio_is_one_of_sums_over_clips_that_have_both():
    clips = [{"warp_error": 1.0, "warp_error_source": 2.0}, {"warp_error": 5.0, "warp_error_source": 2.0},
             {"warp_error": 100.0, "warp_error_source": None}]
    assert gates.summarise(clips)["warp_ratio_source"] == pytest.approx(1.5)
