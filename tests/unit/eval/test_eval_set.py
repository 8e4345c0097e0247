# SPDX-License-Identifier: Apache-2.0
"""The rendered test set: looks differ only in what is asked, files come back as written. Renders really (EGL)."""

from dataclasses import fields

import numpy as np
import pytest

pytest.importorskip("skimage", reason="scikit-image (training extra) is not installed")

from mirage_lsd.worker.eval.test_set import clips, tasks
from mirage_lsd.worker.eval.test_set.dress import HAIR_FIELDS, LOWER_FIELDS, OUTFIT_FIELDS, dress
from mirage_lsd.worker.eval.test_set.test_set import TestSet, TestSetError


@pytest.mark.parametrize("index", range(len(tasks.TASKS)))
def test_dress_changes_what_the_task_names_and_nothing_else(index):
    task = tasks.task_of(index)
    worn, asked = dress(np.random.default_rng((3, index)), task)
    differ = {field.name for field in fields(worn) if getattr(worn, field.name) != getattr(asked, field.name)}
    if not task.changes_outfit:
        assert "hair" in differ and differ <= set(HAIR_FIELDS) and asked.hair == "long"
        return
    shown = asked.upper_second if asked.pattern == "neon trim" else asked.upper_main  # the trim glows on dark cloth
    assert "upper_main" in differ and tasks.far_enough(worn.upper_main, shown)
    assert (asked.upper, asked.pattern) == (task.upper, task.pattern)
    allowed = {*OUTFIT_FIELDS, "logo"} | (set() if task.changes_shape else set(LOWER_FIELDS))
    assert differ <= allowed


def test_a_missing_clip_is_one_clear_error(tmp_path):
    with pytest.raises(TestSetError, match="holds no finished clip"):
        clips.open_clip(TestSet(tmp_path, 1, 4), 0)


@pytest.fixture(scope="module")
def test_set(tmp_path_factory):
    moderngl = pytest.importorskip("moderngl", reason="moderngl (training extra) is not installed")
    pytest.importorskip("anny", reason="anny (training extra) is not installed")
    try:
        moderngl.create_standalone_context(backend="egl", require=330).release()
    except Exception as error:  # noqa: BLE001 - moderngl raises bare Exception when EGL is missing
        pytest.skip(f"no EGL context can be made here: {error}")
    made = TestSet(tmp_path_factory.mktemp("set"), 1, 3)
    made.ensure(2)
    return made


@pytest.mark.slow
def test_a_rendered_clip_comes_back_whole(test_set):
    clip = clips.open_clip(test_set, 1)
    assert clip.source[0].shape == (360, 640, 4) and clip.target[0].shape == (360, 640, 3)
    outside = ~np.isin(clip.worn.labels[2], clips.GARMENTS) & ~np.isin(clip.asked.labels[2], clips.GARMENTS)
    same = (clip.source[2][..., :3] == clip.target[2]).all(axis=2)
    assert same[outside].mean() > 0.98, "only the outfit may differ"
    assert not same[clip.asked.labels[2] == clips.UPPER].mean() > 0.2
    assert clip.prompt.endswith("jacket")


@pytest.mark.slow
def test_the_true_flow_predicts_the_true_target(test_set):
    from mirage_lsd.worker.eval.measures.warp import warp_error
    from mirage_lsd.worker.eval.test_set.truth import truth_of

    clip = clips.open_clip(test_set, 1)
    true = truth_of(clip, 2)
    still = warp_error(clip.target[1], clip.target[2], np.zeros_like(true.flow), true.seen)
    assert true.target_error < 0.7 * still


@pytest.mark.slow
def test_a_second_look_renders_nothing_and_a_damaged_clip_says_so(test_set):
    from mirage_lsd.worker.train.world import render

    assert (render.WIDTH_PX, render.HEIGHT_PX) == (640, 384), "the training world's size must be as it was"
    before = sorted((path, path.stat().st_mtime_ns) for path in test_set.folder.rglob("*"))
    test_set.ensure(2)
    assert sorted((path, path.stat().st_mtime_ns) for path in test_set.folder.rglob("*")) == before
    (test_set.clip_folder(0) / "worn_001.png").unlink()
    with pytest.raises(TestSetError, match="damaged"):
        clips.open_clip(test_set, 0)
