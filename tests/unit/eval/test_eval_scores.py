# SPDX-License-Identifier: Apache-2.0
"""Scoring of whole films, on a drawn clip: the true target is perfect, and every cheat is caught."""

import argparse
import json

import numpy as np
import pytest

pytest.importorskip("skimage", reason="scikit-image (training extra) is not installed")

from mirage_lsd.worker.eval import cheats
from mirage_lsd.worker.eval.gates import failed, summarise
from mirage_lsd.worker.eval.measures.drift import long_run, to_and_fro
from mirage_lsd.worker.eval.measures.score import score_edit, score_scene
from mirage_lsd.worker.eval.options import add_arguments, completed
from mirage_lsd.worker.eval.report import KEYS, REFERENCE, build_report, judged, rounded
from mirage_lsd.worker.eval.run import Scores
from mirage_lsd.worker.eval.test_set import tasks
from mirage_lsd.worker.eval.test_set.clips import Clip, LookFrames, camera_drift, over
from mirage_lsd.worker.eval.test_set.truth import truth_of
from mirage_lsd.worker.eval.variants import COMPARED, FIVE_STEPS, MODEL, NO_MEMORY, UNIFORM

FRAMES, SIZE = 6, (192, 320)
SHAPE_TASK = tasks.Task("t-shirt to jacket", "jacket", "plain", "bust")
PATTERN_TASK = tasks.Task("outfit", "t-shirt", "stripes", "bust")


def look(color, sleeve_px, stripes=False):
    """A person of rectangles that walks 2 px a frame: head (2), arms (1), shirt (4) with sleeves."""
    rgba, labels = [], []
    for t in range(FRAMES):
        part, picture = np.zeros(SIZE, np.uint8), np.zeros((*SIZE, 4), np.uint8)
        x = 80 + 2 * t
        part[30:80, x + 50 : x + 90] = 2
        part[80:190, x : x + 140] = 1
        part[80:190, x + 30 : x + 110] = 4
        part[80 : 80 + sleeve_px, x : x + 140] = 4
        y, _ = np.mgrid[: SIZE[0], : SIZE[1]]
        weave = (y % 24 < 10)[..., None] & stripes
        colors = {1: (110, 140, 200), 2: (120, 150, 215)}
        for label, skin in colors.items():
            picture[part == label, :3] = skin
        picture[part == 4, :3] = np.where(weave, 235, color)[part == 4]
        picture[..., 3] = np.where(part > 0, 255, 0)
        rgba.append(picture)
        labels.append(part)
    flow = np.zeros((FRAMES, SIZE[0] // 4, SIZE[1] // 4, 2), np.float16)
    flow[..., 0] = -2
    return LookFrames(rgba, labels, flow)


def make_clip(task):
    pattern = task.pattern
    worn, asked = look((40, 40, 190), 30), look((160, 80, 30), 100 if task.changes_shape else 30, pattern == "stripes")
    rng = np.random.default_rng(1)
    behind = np.kron(rng.integers(0, 256, (24, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    source = [np.dstack([over(front, behind), np.full(SIZE, 255, np.uint8)]) for front in worn.rgba]
    words = {"asked": {"upper": task.upper, "pattern": pattern, "upper_color": (0.1, 0.3, 0.6),
                       "lower": "jeans", "lower_color": (0.1, 0.1, 0.4)}}
    target = [over(front, behind) for front in asked.rgba]
    return Clip(0, task, words, worn, asked, "forest", behind, source, target, (0.0, 0.0))


@pytest.fixture(scope="module", params=[SHAPE_TASK, PATTERN_TASK], ids=["shape", "pattern"])
def clip(request):
    return make_clip(request.param)


def score(clip, pictures):
    truths = [truth_of(clip, t) for t in range(clip.frames)]
    return score_edit(clip, truths.__getitem__, pictures)


def test_the_true_target_is_perfect(clip):
    figures = score(clip, clip.target)
    assert figures["garment_iou"] == 1.0 and figures["garment_delta_e"] == 0.0
    assert figures["full_psnr_db"] == 99.0 and figures["kept_psnr_db"] == 99.0
    assert figures["ms_ssim"] == pytest.approx(1.0, abs=1e-6)
    assert figures["warp_error"] == figures["warp_error_target"]
    assert figures.get("shape_change_iou", 1.0) == 1.0 and figures.get("pattern_accuracy", 1.0) == 1.0
    assert failed(summarise([figures])) in ([], ["warp_ratio_source"])  # stripes shimmer more than plain cloth


def test_motion_is_followed_along_the_true_flow(clip):
    steady = score(clip, clip.target)
    jumping = score(clip, [np.roll(picture, 3 * (t % 2), 1) for t, picture in enumerate(clip.target)])
    assert jumping["warp_error"] > 5 * max(steady["warp_error"], 0.1)
    assert score(clip, cheats.identity(clip).pictures)["warp_error_source"] < 0.5


def test_the_identity_is_caught(clip):
    figures = score(clip, cheats.identity(clip).pictures)
    assert figures["garment_iou"] == 0.0 and figures["kept_psnr_db"] == 99.0
    assert {"garment_iou", "garment_delta_e"} <= set(failed(figures))


def test_recolouring_under_the_true_mask_is_caught(clip):
    """It gets the colour; it gets neither a new shape nor a pattern."""
    figures = score(clip, cheats.recolored(clip).pictures)
    assert figures["garment_iou"] > 0.3
    caught = "shape_change_iou" if clip.task.changes_shape else "pattern_accuracy"
    assert figures[caught] < 0.1 and caught in failed(figures)


def test_painting_a_face_shows_in_what_must_stay(clip):
    spoiled = [picture.copy() for picture in clip.target]
    for t, picture in enumerate(spoiled):
        picture[clip.worn.labels[t] == 2] //= 2
    figures = score(clip, spoiled)
    assert figures["kept_face_psnr_db"] < 15 and figures["kept_background_psnr_db"] == 99.0
    assert "kept_psnr_db" in failed(figures)


def test_shape_counts_only_what_turns_into_the_target():
    clip = make_clip(SHAPE_TASK)
    wrong = []
    for t, target in enumerate(clip.target):  # sleeves grow, in a colour that nobody asked for
        picture = target.copy()
        picture[(clip.worn.labels[t] == 1) & (clip.asked.labels[t] == 4)] = (40, 255, 255)
        wrong.append(picture)
    assert score(clip, wrong)["shape_change_iou"] < 0.1


def test_scene_figures_see_a_painted_person_and_a_bad_matte(clip):
    pictures = [source[..., :3].copy() for source in clip.source]
    alphas = [1.0 - rgba[..., 3] / 255.0 for rgba in clip.worn.rgba]
    assert score_scene(clip, pictures, alphas) == {"person_psnr_db": 99.0, "matte_error": 0.0}
    figures = score_scene(clip, [picture // 2 for picture in pictures], [np.zeros(SIZE)] * FRAMES)
    assert figures["person_psnr_db"] < 15 and figures["matte_error"] > 0.5


def test_the_report_has_the_agreed_keys_and_is_strict_json(clip):
    options = parsed("--clips", "2")
    scores = Scores(prompts={0: clip.prompt, 1: clip.prompt})
    perfect = score(clip, clip.target)
    spoiled = score(clip, [picture // (2 + t % 2) for t, picture in enumerate(clip.target)])
    for index in (0, 1):
        for name in (MODEL.name, REFERENCE):
            scores.add(name, {"clip": index, **perfect}, [10.0, 12.0])
        for variant in COMPARED:
            scores.add(variant.name, {"clip": index, **spoiled}, [9.0])
        scores.add("flow", {"clip": index, **spoiled}, [8.0])
    report = json.loads(json.dumps(rounded(build_report(options, scores)), allow_nan=False))
    assert set(KEYS) | {"ablation", "gates", "cheats", "commit", "hardware"} <= set(report)
    assert report["learned_vs_uniform_db"] > 50 and report["details"]["learned_vs_uniform_interval_db"][0] > 50
    assert report["three_vs_five_percent"] == pytest.approx(-100)
    assert report["warp_ratio_ablated"] == 0.0 and report["drift_percent"] is None
    assert report["gates"]["drift_percent"]["passed"] is None
    assert set(report["ablation"]) == {"all on", "without flow", "without schedule"}
    assert report["ablation"]["all on"]["full_psnr_db"] > report["ablation"]["without flow"]["full_psnr_db"]
    assert {UNIFORM.name, FIVE_STEPS.name, NO_MEMORY.name} <= {variant.name for variant in COMPARED}


def test_the_learned_schedules_gain_must_be_more_than_chance():
    sure = {"learned_vs_uniform_db": 0.3, "learned_vs_uniform_interval_db": (0.1, 0.5)}
    chance = {"learned_vs_uniform_db": 0.3, "learned_vs_uniform_interval_db": (-0.1, 0.7)}
    assert judged(sure)["learned_vs_uniform_db"]["passed"] is True
    assert judged(chance)["learned_vs_uniform_db"]["passed"] is False
    assert judged({})["learned_vs_uniform_db"]["passed"] is None


def test_the_long_run_ends_where_it_began():
    order = to_and_fro(48)
    assert len(order) == 94 and all(abs(a - b) == 1 for a, b in zip(order, order[1:] + order[:1], strict=True))
    window, total = long_run(5000, len(order))
    assert window == 100 and total >= 5000 and (total - window) % len(order) == 0
    assert long_run(40, 6)[0] < 40


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return completed(parser.parse_args(["--out", "x", *arguments]))


def test_a_quick_run_is_short_and_a_full_one_is_the_contract():
    full, quick = parsed(), parsed("--clips", "2", "--frames", "8")
    assert (full.clips, full.frames, full.drift_frames) == (24, 48, 5000)
    assert quick.drift_frames < 100 and quick.ablation_clips == 1
    with pytest.raises(SystemExit):
        parsed("--frames", "2")


def test_tasks_are_a_balanced_list_and_their_prompts_are_in_the_vocabulary():
    from mirage_lsd.worker.models.conditions import parse_conditions

    kinds = [tasks.task_of(index) for index in range(20)]
    for pattern in tasks.CHECKED_PATTERNS:
        assert sum(task.pattern == pattern for task in kinds) >= 3
    for change in tasks.SHAPE_CHANGES:
        assert sum(task.kind == change for task in kinds) >= 2
    asked = {"upper": "leather jacket", "pattern": "neon trim", "upper_color": (0.2, 0.4, 1.0), "lower": "jeans",
             "lower_color": (0, 0, 0.5), "hair": "long", "hair_color": (0.5, 0.3, 0.1)}
    look = parse_conditions(tasks.prompt_of(asked, PATTERN_TASK))
    assert (look.upper, look.pattern, look.upper_color, look.lower) == ("leather jacket", "neon trim", (51, 102, 255),
                                                                        "jeans")  # fmt: skip
    assert parse_conditions(tasks.prompt_of(asked, kinds[3])).hair == "long"


def test_every_second_camera_moves():
    assert camera_drift(0) == (0.0, 0.0) and np.hypot(*camera_drift(1)) == pytest.approx(0.6)
