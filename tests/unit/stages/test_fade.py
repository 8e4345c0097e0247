# SPDX-License-Identifier: Apache-2.0
"""Fades: a new look comes up over the old picture in its time, the old one moves along, and a cut is a cut."""

from __future__ import annotations

import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import Layer, StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.stages.base import FrameMotion, Job
from mirage_lsd.worker.stages.full_size.fade import Fade, mix, moved

SIZE = (48, 96, 4)
FRAME_MS = 40
OLD, NEW = 20, 220


class Film:
    """Frames of one colour a look, 40 ms apart, through the stage."""

    def __init__(self) -> None:
        self.stage, self._frame_id = Fade(), 0

    def __call__(self, words: str, level: int, fade_ms: int = 0, flow=None, size=SIZE, cut=False) -> np.ndarray:
        self._frame_id += 1
        header = FrameHeader(self._frame_id, self._frame_id * FRAME_MS * 1_000_000, size[1], size[0], size[1] * 4)
        settings = StreamSettings(layers=(Layer("outfit", words),), fade_ms=fade_ms)
        picture = np.full(size, level, np.uint8)
        picture[..., 3] = 255
        job = Job(header, settings, np.zeros(size, np.uint8), output=picture, cut=cut)
        if flow is not None:
            nothing = np.zeros((1, 1), np.uint8)
            job.motion = FrameMotion(flow, np.zeros_like(flow[:, :1]), nothing, nothing)
        return self.stage(job).output[..., :3].copy()


@pytest.fixture
def film():
    film = Film()
    film("old", OLD)
    return film


def test_a_cut_is_there_at_once(film):
    assert (film("new", NEW) == NEW).all()


def test_a_fade_comes_up_evenly_and_ends_in_its_time(film):
    levels = [int(film("new", NEW, fade_ms=400)[0, 0, 0]) for _ in range(12)]
    share = [(level - OLD) / (NEW - OLD) for level in levels]
    assert share[:9] == pytest.approx([0.1 * step for step in range(1, 10)], abs=0.01)
    assert share[9:] == [1.0, 1.0, 1.0]


def test_a_look_that_is_replaced_in_its_fade_fades_from_what_was_on_screen(film):
    for _ in range(5):
        middle = int(film("new", NEW, fade_ms=400)[0, 0, 0])
    third = int(film("third", 0, fade_ms=400)[0, 0, 0])
    assert third == pytest.approx(middle * 0.9, abs=1)


def test_other_settings_start_no_fade(film):
    film("new", NEW, fade_ms=400)
    for _ in range(10):
        film("new", NEW, fade_ms=400)
    assert (film("new", NEW + 10, fade_ms=400) == NEW + 10).all()


def test_there_is_nothing_to_fade_from_at_the_start_after_a_reset_or_in_another_size(film):
    assert (Film()("new", NEW, fade_ms=400) == NEW).all()
    film.stage.reset()
    assert (film("new", NEW, fade_ms=400) == NEW).all()
    assert (film("third", 7, fade_ms=400, size=(24, 48, 4)) == 7).all()


def test_a_hard_cut_ends_a_fade(film):
    for _ in range(3):
        film("new", NEW, fade_ms=1000)
    assert (film("new", 7, fade_ms=1000, cut=True) == 7).all(), "nothing of the old scene"
    assert [int(film("new", 7, fade_ms=1000).mean()) for _ in range(4)] == [7] * 4


def test_a_look_that_comes_with_a_cut_fades_from_nothing(film):
    assert (film("new", NEW, fade_ms=1000, cut=True) == NEW).all()
    assert (film("new", NEW, fade_ms=1000) == NEW).all()


def test_a_cut_in_the_source_ends_a_fade_through_the_real_stages():
    """Two scenes, a look that fades in, and the cut on its fourth frame: no frame after it differs from
    those of a stream that never knew the first scene."""
    rng = np.random.default_rng(3)
    dark, light = (np.clip(rng.normal(level, 4, (96, 160, 4)), 0, 255).astype(np.uint8) for level in (40, 210))
    old, new = (StreamSettings(prompt=words, fade_ms=10_000, working_size="tiny") for words in ("sunset", "beach"))
    host = EngineHost()
    known, anew = host.new_pipeline(), host.new_pipeline()
    for _ in range(2):  # the first one loads the model, which takes longer than the fade
        known.restyle(dark, old)
    for _ in range(3):
        known.restyle(dark, new)
    for _ in range(3):
        assert np.array_equal(known.restyle(light, new), anew.restyle(light, new))
    known.flush(), anew.flush()


def test_the_old_picture_moves_along_with_the_source():
    picture = np.zeros(SIZE, np.uint8)
    picture[10:20, 40:50] = 255
    flow = np.zeros((1, 2, 6, 12), np.float32)
    flow[0, 0] = -1.0  # what is here now was one cell of 8 pixels to the left
    flow[0, 1] = 0.5
    after = moved(picture, flow)
    expected = np.roll(np.roll(picture, 8, axis=1), -4, axis=0)
    assert np.abs(after.astype(int) - expected).max() <= 1


def test_a_fade_to_transparent_darkens_nobody():
    """Straight alpha: what is transparent in one of the two lends the other no black."""
    old, new = np.full((8, 8, 4), (90, 140, 30, 255), np.uint8), np.zeros((8, 8, 4), np.uint8)
    new[:, 4:] = (200, 100, 50, 255)
    mix(old, new, 0.25)
    assert (new[:, :4, :3] == (90, 140, 30)).all() and (new[:, :4, 3] == 191).all()
    assert np.abs(new[:, 4:].astype(int) - (117.5, 130, 35, 255)).max() <= 1


def test_a_fade_mixes_the_moved_picture():
    film = Film()
    left = np.zeros(SIZE, np.uint8)
    left[:, :48], left[..., 3] = 200, 255
    film("old", OLD)
    film.stage._last[:] = left
    flow = np.zeros((1, 2, 6, 12), np.float32)
    flow[0, 0] = -2.0
    mixed = film("new", 0, fade_ms=400, flow=flow)
    assert mixed[0, 60, 0] == pytest.approx(180, abs=2)
    assert mixed[0, 70, 0] == 0
