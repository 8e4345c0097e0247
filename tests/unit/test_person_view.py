# SPDX-License-Identifier: Apache-2.0
"""The part of the picture the nets look at: where the person is, kept until there is a reason, and what is remembered
stays where it was in the picture."""

import numpy as np
import pytest

from mirage_lsd.shared.settings import StreamSettings
from mirage_lsd.worker.engine_host import EngineHost
from mirage_lsd.worker.models.config import BUCKETS, USUAL_SIZE
from mirage_lsd.worker.models.layer_box import cut
from mirage_lsd.worker.models.person_view import REMEMBERED_FRAMES, PersonView, person_box
from mirage_lsd.worker.models.remembered import beyond, seen_from
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext
from mirage_lsd.worker.stages.view import View

FRAME_PX = (640, 360)
WHOLE = (0, 0, *FRAME_PX)


def mask_of(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """A mask 256x144 of a person in this box of a 640x360 picture."""
    mask = np.zeros((144, 256), np.float32)
    mask[round(y0 * 0.4) : round(y1 * 0.4), round(x0 * 0.4) : round(x1 * 0.4)] = 1.0
    return mask


STANDING, CLOSE, NOBODY = mask_of(280, 40, 380, 360), mask_of(60, 20, 560, 360), np.zeros((144, 256), np.float32)


def test_a_standing_person_is_seen_larger():
    view = PersonView(FRAME_PX)(STANDING, WHOLE)
    assert view != WHOLE and view[0] <= 280 - 30 and view[2] >= 380 + 30 and (view[1], view[3]) == (0, 360)


@pytest.mark.parametrize("mask", [CLOSE, NOBODY])
def test_a_close_or_missing_person_leaves_the_whole_picture(mask):
    assert PersonView(FRAME_PX)(mask, WHOLE) == WHOLE


def test_nobody_far_away_is_taken_for_the_hero():
    view = PersonView(FRAME_PX)(mask_of(300, 200, 330, 260), WHOLE)
    assert view[3] - view[1] >= 0.4 * 360 - 1


def test_a_view_stays_while_the_person_has_room_in_it():
    follow = PersonView(FRAME_PX)
    view = follow(STANDING, WHOLE)
    for aside in (10, 20, -15, 5):
        assert follow(mask_of(280 + aside, 40, 380 + aside, 360), view) == view
    moved = follow(mask_of(400, 40, 500, 360), view)
    assert moved != view and moved[0] <= 400 and moved[2] >= 500


def test_a_view_follows_a_person_who_goes_far_away_only_after_a_while():
    follow = PersonView((1280, 720))
    view = follow(STANDING, (0, 0, 1280, 720))
    for _ in range(REMEMBERED_FRAMES - 1):
        assert follow(mask_of(310, 150, 360, 300), view) == view
    closer = follow(mask_of(310, 150, 360, 300), view)
    assert closer != view and closer[3] - closer[1] < view[3] - view[1]


def test_a_few_stray_pixels_are_nobody():
    mask = NOBODY.copy()
    mask[3, 5] = mask[100, 200:202] = 1.0
    assert person_box(mask, FRAME_PX) is None


@pytest.mark.parametrize("old, new", [(WHOLE, (200, 0, 560, 360)), ((200, 0, 416, 360), (100, 60, 400, 360))])
def test_what_is_remembered_stays_where_it_was_in_the_picture(old, new):
    """A ramp across the picture is the same ramp, cut where the new view lies."""
    def ramp(part, cells):
        rows, columns = cells
        across = part[0] + (np.arange(columns) + 0.5) * (part[2] - part[0]) / columns
        down = part[1] + (np.arange(rows) + 0.5) * (part[3] - part[1]) / rows
        return np.stack(np.broadcast_arrays(across[None], down[:, None]))[None].astype(np.float32)

    moved = seen_from(ramp(old, (24, 40)), old, new, (40, 24))
    known = beyond(old, new, (40, 24))[0, 0] == 0
    inner = known & (seen_from(np.pad(np.ones((22, 38), np.float32), 1), old, new, (40, 24)) > 0.99)
    assert inner.sum() > 200
    np.testing.assert_allclose(moved[0][:, inner], ramp(new, (40, 24))[0][:, inner], atol=0.6)
    assert known.all() == (old == WHOLE)


@pytest.fixture(scope="module")
def host():
    made = EngineHost()
    made.load()
    return made


JACKET = StreamSettings(prompt="red jacket", working_size=USUAL_SIZE)


def look(host, patient, settings=JACKET):
    context = ModelContext(host, patient)
    context.person = lambda _source: STANDING
    job = Job(None, settings, 0, np.zeros((360, 640, 4), np.uint8))
    return context, View(context)(job)


def test_a_live_stream_keeps_its_view_until_the_engine_is_there(host, monkeypatch):
    asked = []
    monkeypatch.setattr(host, "prepare", lambda shapes: asked.append(shapes.working_px))
    _, job = look(host, patient=False)
    assert job.view == WHOLE and job.working_px == BUCKETS[USUAL_SIZE][0] and asked[0] in BUCKETS[USUAL_SIZE][1:]
    _, job = look(host, patient=True)
    assert job.view != WHOLE and job.working_px == asked[0]
    assert job.picture.shape == cut(job.source, job.view).shape


def test_a_new_scene_needs_the_whole_picture(host):
    assert look(host, True, StreamSettings(prompt="beach", working_size=USUAL_SIZE))[1].view == WHOLE


def test_another_size_of_source_starts_from_nothing(host):
    context, _ = look(host, patient=True)
    context.history.latent = np.zeros(1)
    job = View(context)(Job(None, StreamSettings(prompt="red jacket"), 0, np.zeros((720, 1280, 4), np.uint8)))
    assert context.history.latent is None and "unseen" not in job.tensors and context.frame_px == (1280, 720)
