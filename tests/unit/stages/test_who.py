# SPDX-License-Identifier: Apache-2.0
"""Who is restyled, in the picture: two people, through the real stages."""
from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.hosts.models_host import Choice
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.service import Service
from mirage_lsd.worker.tracking.who.whom import WAITING, Whom

SIZE_PX, MIDDLE = (640, 360), 300
LEFT, RIGHT = np.s_[:, : MIDDLE - 40], np.s_[:, MIDDLE + 40 :]  # whose a pixel is is known to some 30 px
GREEN = StreamSettings(prompt="green hoodie", working_size="small")
FRAMES = 5


@pytest.fixture(scope="module")
def host() -> EngineHost:
    host = EngineHost()
    host.load()
    return host


@pytest.fixture(scope="module")
def two() -> np.ndarray:
    """u8 [360,640,4] BGRA: an astronaut, and a nearer one on the right."""
    astronaut = cv2.cvtColor(pytest.importorskip("skimage.data").astronaut(), cv2.COLOR_RGB2BGRA)
    picture = np.empty((SIZE_PX[1], SIZE_PX[0], 4), np.uint8)
    for columns, scale, left in ((slice(0, MIDDLE), 0.72, 0), (slice(MIDDLE, None), 1.0, 60)):
        large = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        part = large[: SIZE_PX[1], left : left + picture[:, columns].shape[1]]
        picture[:, columns] = part
    return picture


def shown(pipeline: Pipeline, picture: np.ndarray, settings: StreamSettings, frames: int = FRAMES) -> np.ndarray:
    for _ in range(frames):
        out = pipeline.restyle(picture, settings)
    return out.copy()


def with_who(who: str, x: float = 0.5, y: float = 0.5, **more) -> StreamSettings:
    return StreamSettings(prompt=GREEN.prompt, working_size=GREEN.working_size, who=who, who_x=x, who_y=y, **more)


def painted(made: np.ndarray, picture: np.ndarray, part: tuple) -> float:
    """Share of the pixels of a part that are not the source's."""
    return float((np.abs(made[part].astype(int) - picture[part]).max(-1) > 8).mean())


@pytest.mark.parametrize(("settings", "chosen", "other"), [
    (with_who("nearest"), RIGHT, LEFT),
    (with_who("place", 0.2, 0.6), LEFT, RIGHT),
    (with_who("place", 0.8, 0.6), RIGHT, LEFT),
], ids=["nearest", "left", "right"])
def test_one_is_dressed_and_the_other_keeps_every_bit(host, two, settings, chosen, other):
    pipeline = host.new_pipeline()
    made = shown(pipeline, two, settings)
    assert painted(made, two, chosen) > 0.15
    assert np.array_equal(made[other], two[other])
    assert pipeline.remark == ""


def test_a_scene_is_behind_both(host, two):
    settings = with_who("nearest", layers=())
    forest = StreamSettings(prompt="forest, green hoodie", working_size="small", who="nearest")
    made, only_dressed = shown(host.new_pipeline(), two, forest), shown(host.new_pipeline(), two, settings)
    corner = np.s_[:60, :60]
    assert painted(made, two, corner) > 0.9 and painted(only_dressed, two, corner) == 0.0


def test_everyone_is_dressed_as_if_nobody_had_been_looked_for(host, two, monkeypatch):
    plain = shown(host.new_pipeline(), two, GREEN)
    monkeypatch.setattr(Whom, "__call__", None)
    everyone = shown(host.new_pipeline(), two, with_who("everyone", 0.1, 0.9))
    assert np.array_equal(plain, everyone)
    assert painted(everyone, two, LEFT) > 0.1 and painted(everyone, two, RIGHT) > 0.15


def test_at_strength_0_it_is_the_source(host, two):
    assert np.array_equal(shown(host.new_pipeline(), two, with_who("nearest", strength=0.0)), two)


def test_it_can_be_chosen_and_taken_back_at_any_time_and_the_status_says_if_nobody_is_there(host, two):
    pipeline = host.new_pipeline()
    empty = np.full_like(two, 128)
    shown(pipeline, empty, with_who("place"))
    assert pipeline.remark == WAITING
    shown(pipeline, empty, GREEN)
    assert pipeline.remark == ""
    assert painted(shown(pipeline, two, GREEN), two, LEFT) > 0.1
    made = shown(pipeline, two, with_who("nearest"))
    assert painted(made, two, RIGHT) > 0.15 and np.array_equal(made[LEFT], two[LEFT])
    assert painted(shown(pipeline, two, GREEN, 20), two, LEFT) > 0.1


@pytest.mark.parametrize(("remark", "said"), [("", "running"), (WAITING, f"running; {WAITING}")])
def test_the_status_has_the_remark(host, remark, said):
    service = Service(None, None, SimpleNamespace(choose=lambda settings: Choice(host)), str)
    stream = SimpleNamespace(state=SimpleNamespace(settings=GREEN), failures_in_a_row=0,
                             pipeline=SimpleNamespace(remark=remark))
    assert service._describe(stream) == ("running", said)
