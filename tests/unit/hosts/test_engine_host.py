# SPDX-License-Identifier: Apache-2.0
"""The engine host with "auto": a stream keeps its size until the engine of the next one is there."""

import gc

import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts import engine_host
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.hosts.model_context import RESTED_FRAMES, ModelContext
from mirage_lsd.worker.hosts.pace import BUDGET_MS, WINDOW_FRAMES
from mirage_lsd.worker.models.graphs import GraphShapes

SOURCE_PX = (640, 360)
MEDIUM, SMALL, TINY = GraphShapes((320, 192)), GraphShapes((224, 128)), GraphShapes((160, 96))
UPRIGHT = GraphShapes((192, 320))


class NoGraphs:
    name, specs = "none", {}

    def run(self, *_, **__):
        return {}


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(engine_host.engines, "create_engine", lambda *_: NoGraphs())
    made = EngineHost()
    made.load()
    return made


def test_a_named_size_is_taken_as_it_is(host):
    assert host.shapes_for(*SOURCE_PX, "small") == SMALL


def test_another_size_waits_for_its_engine(host, monkeypatch):
    asked = []
    monkeypatch.setattr(host, "prepare_engine", lambda shapes: asked.append(shapes) or len(asked) > 1)
    assert host.shapes_for(*SOURCE_PX, "auto") == MEDIUM
    host.pace.size = "small"
    assert host.shapes_for(*SOURCE_PX, "auto") == MEDIUM and asked == [SMALL]
    host.load(SMALL)
    assert host.shapes_for(*SOURCE_PX, "auto") == SMALL


def test_slow_frames_change_the_size_of_automatic_streams_only(host):
    host.shapes_for(*SOURCE_PX, "auto")
    for _ in range(2 * WINDOW_FRAMES):
        host.record_frame(StreamSettings(working_size="medium"), SOURCE_PX, 3 * BUDGET_MS)
    assert host.pace.size == "medium"
    for _ in range(WINDOW_FRAMES):
        host.record_frame(StreamSettings(), SOURCE_PX, 3 * BUDGET_MS)
    assert host.pace.size == "small"
    host.shapes_for(*SOURCE_PX, "auto")
    assert host.shapes_for(*SOURCE_PX, "medium") == MEDIUM


def test_fewer_steps_are_for_automatic_streams_only(host):
    host.pace.fewer = 2
    assert host.steps_for(StreamSettings(steps=3)) == 1
    assert host.steps_for(StreamSettings(steps=3, working_size="medium")) == 3


def test_an_engine_goes_when_no_stream_uses_its_size_and_two_newer_ones_are_there(host):
    used = host.engine_for(MEDIUM)
    host.load(SMALL)
    host.load(TINY)
    assert host.engine_for(MEDIUM) is used, "a stream still runs it"
    del used
    host.load(SMALL)
    gc.collect()
    assert host.prepare_engine(TINY) and host.prepare_engine(SMALL)
    assert not host.prepare_engine(MEDIUM), "and is loaded anew when it is asked for again"


def test_a_source_of_ever_another_shape_keeps_the_engine_that_runs(host, monkeypatch):
    asked = []
    monkeypatch.setattr(host, "prepare_engine", lambda shapes: asked.append(shapes) or shapes in host._engines)
    context = ModelContext(host)
    assert context.fit(*SOURCE_PX, "medium")
    context.run("decode")
    for width_px in range(200, 640, 40):  # from upright to wide: a few frames of each shape
        assert not context.fit(width_px, 360, "medium")
    assert context.shapes == MEDIUM
    for _ in range(RESTED_FRAMES + 1):
        assert not context.fit(360, 640, "medium")
    assert set(asked) == {UPRIGHT}
    host.load(UPRIGHT)
    assert context.fit(360, 640, "medium")
    assert context.shapes == UPRIGHT


def test_sizes_that_have_gone_by_are_forgotten(host):
    for width_px in range(100, 400):
        host.shapes_for(width_px, 360, "auto")
    assert len(host._present) <= engine_host.SIZES_KEPT + 1
