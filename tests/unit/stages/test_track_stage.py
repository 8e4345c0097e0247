# SPDX-License-Identifier: Apache-2.0
"""The track stage: what the eyes saw beside the nets comes with the frame it was seen in, and is carried no further
than it may be."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tiny_stream import jobs_of

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts import model_context
from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.stages.base import FrameMotion, Job
from mirage_lsd.worker.stages.full_size.track import Track
from mirage_lsd.worker.tracking.eyes.sight import HAND_POINTS, Hand, Sight

SETTINGS = StreamSettings(prompt="red hoodie", working_size="small")
SOURCE = np.zeros((360, 640, 4), np.uint8)


def hand(x_px: float) -> Hand:
    points = np.random.default_rng(1).uniform(-40, 40, (HAND_POINTS, 2)).astype(np.float32)
    return Hand(points + np.float32([x_px, 180]), 0.9)


class Seeing:
    """Stands in for the context: the eyes see what they are told to."""

    def __init__(self, *sights: Sight) -> None:
        self._sights = list(sights)
        self.expected: list[Sight] = []

    def end_eyes(self) -> Sight:
        return self._sights.pop(0)

    def expect(self, sight: Sight) -> None:
        self.expected.append(sight)


def job(moved: bool = True, cut: bool = False) -> Job:
    still = FrameMotion(np.zeros((1, 2, 24, 40), np.float32), np.zeros((1, 1, 24, 40), np.float32),
                        np.zeros((192, 320), np.uint8), np.zeros((192, 320), np.uint8))
    return Job(None, SETTINGS, SOURCE, cut=cut, motion=still if moved else None)


def test_a_lost_hand_is_carried_and_the_eyes_are_told_where_to_look():
    context = Seeing(Sight(hands=(hand(100), hand(400))), Sight(hands=(hand(400),)))
    stage = Track(context)
    assert stage(job()).sight.hands[0].held_frames == 0 and not context.expected
    sight = stage(job()).sight
    assert [one.held_frames for one in sight.hands] == [0, 1] and context.expected == [sight]


@pytest.mark.parametrize("forgets", [lambda _stage: job(cut=True), lambda _stage: job(moved=False),
                                     lambda stage: stage.reset() or job()])
def test_a_cut_a_frame_without_a_past_and_a_reset_drop_it(forgets):
    stage = Track(Seeing(Sight(hands=(hand(100),)), Sight()))
    stage(job())
    assert stage(forgets(stage)).sight == Sight()


def test_a_streams_frames_come_with_their_faces_in_pixels_of_the_source():
    astronaut = cv2.cvtColor(pytest.importorskip("skimage.data").astronaut(), cv2.COLOR_RGB2BGRA)
    wide = cv2.copyMakeBorder(cv2.resize(astronaut[:360], (512, 360)), 0, 0, 64, 64, cv2.BORDER_REPLICATE)
    right = cv2.warpAffine(wide, np.float32([[1, 0, 40], [0, 1, 0]]), (640, 360), borderMode=cv2.BORDER_REPLICATE)
    wall = np.full_like(wide, 30)
    before = wide.copy()
    jobs = jobs_of([(frame, SETTINGS) for frame in (wide, right, wall, wide)])
    assert [len(one.sight.faces) for one in jobs] == [1, 1, 0, 1] and jobs[2].cut
    first, second = (one.sight.faces[0].points_px.mean(0) for one in jobs[:2])
    np.testing.assert_allclose(second - first, (40, 0), atol=3)
    assert np.array_equal(wide, before) and {"flow", "track"} <= set(jobs[0].stage_ms)


def test_what_a_failed_frame_began_has_ended_before_the_past_goes(monkeypatch):
    going, done = threading.Event(), []

    class SlowEyes:
        def faces(self, _source: np.ndarray) -> list:
            going.wait(60)
            done.append("faces")
            return []

        def hands(self, _source: np.ndarray) -> list:
            done.append("hands")
            return []

        def reset(self) -> None:
            done.append("reset")

    monkeypatch.setattr(model_context, "Eyes", SlowEyes)
    context = ModelContext(SimpleNamespace(new_person_mask=lambda: SimpleNamespace(reset=lambda: None)))
    context.begin_faces(SOURCE)
    context.begin_hands(SOURCE)
    threading.Timer(0.05, going.set).start()
    context.forget()
    assert done == ["faces", "hands", "reset"]
