# SPDX-License-Identifier: Apache-2.0
"""What one filter's stream tells the worker and the look store, on a real control block and a real look store.

The worker's end is a stand-in to which no unknown word must come: what falls between which two steps is tested.
"""

from __future__ import annotations

import json
import time

import pytest

from mirage_lsd.obs_script.filters.streams import FilterStream
from mirage_lsd.obs_script.host import control_block
from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.worker_process import RUNNING
from mirage_lsd.shared.errors import ChannelTimeout
from mirage_lsd.shared.messages.look_commands import ApplyWords, Undo
from mirage_lsd.shared.messages.look_events import LookDone
from mirage_lsd.shared.messages.settings import TINY, V1, StreamSettings
from mirage_lsd.shared.messages.worker_commands import ApplySettings
from mirage_lsd.shared.vocabulary import UnknownWordError

UNKNOWN = "xyzzy"


class WorkerEnd:
    """Keeps the generations it draws; answers nothing while `silent`."""

    state, launch = RUNNING, 1

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.silent = False

    def request(self, command: object) -> None:
        if not isinstance(command, ApplySettings):
            return
        if self.silent:
            raise ChannelTimeout("no answer")
        assert UNKNOWN not in str(command.settings)
        self.applied.append(command.generation)


@pytest.fixture
def store():
    store = LookStore(lambda: None)
    store.set_running(True)
    return store


@pytest.fixture
def stream(tmp_path, store):
    block = ControlBlock.create(str(tmp_path / control_block.FILE_NAME))
    slot = block.slots[0]
    slot.put_text("parent_name", "Camera")
    slot.put_text("filter_name", "Mirage LSD")
    slot.put_text("settings", json.dumps({"enabled": True}))
    slot.put("want_width_px", 64)
    slot.put("want_height_px", 48)
    stream = FilterStream(slot, lambda name: str(tmp_path / name), lambda *_: None, store)
    yield stream
    stream.close(WorkerEnd())
    block.close()


def asked(store, words: str) -> list:
    answers = []
    store.submit(ApplyWords(words, "prompt")).done(answers.append)
    return answers


def step(stream, worker) -> None:
    """One step in which OBS has shown the last generation."""
    stream.slot.put("shown_generation", stream.slot.get("generation"))
    stream.step(worker)


def test_an_answer_says_the_generation_that_lua_knows(stream, store):
    worker = WorkerEnd()
    step(stream, worker)
    answers = asked(store, "smile")
    step(stream, worker)
    (answer,) = answers
    assert isinstance(answer, LookDone) and answer.applied
    assert answer.filters[0].generation == stream.slot.get("generation") == worker.applied[-1]


def test_what_was_refused_is_refused_again_and_never_sent(stream, store):
    worker = WorkerEnd()
    step(stream, worker)
    before = stream.slot.get("generation")
    for _ in range(2):
        with pytest.raises(UnknownWordError):
            asked(store, UNKNOWN)
        step(stream, worker)
    assert stream.slot.get("generation") == worker.applied[-1] == before
    assert store.look(stream.instance).look.layers == ()


def test_a_model_that_takes_any_words_has_them_until_another_is_chosen(stream, store):
    worker = WorkerEnd()
    stream.slot.put_text("settings", json.dumps({"enabled": True, "model": V1}))
    step(stream, worker)
    asked(store, "a castle by Monet")
    step(stream, worker)
    assert [layer.words for layer in stream.settings.layers] == ["a castle by Monet"]
    stream.slot.put_text("settings", json.dumps({"enabled": True, "model": TINY, **stream.look.to_write}))
    step(stream, worker)
    assert (stream.settings.layers, stream.settings.model) == ((), TINY)
    assert "castle" in stream.problem


def test_what_is_typed_and_refused_is_a_problem_while_the_window_shows_it(stream, store):
    worker = WorkerEnd()
    step(stream, worker)
    typed = {"prompt": UNKNOWN}, {"prompt": UNKNOWN, "steps": 2}, {"prompt": "smile"}
    for text, problem in zip(typed, (True, True, False), strict=True):
        stream.slot.put_text("settings", json.dumps({"enabled": True, **text}))
        step(stream, worker)
        assert (UNKNOWN in stream.look.refusal) == problem
        assert stream.settings.steps == text.get("steps", StreamSettings().steps)  # it costs no other setting
    assert store.look(stream.instance).look.words("prompt") == "smile"


def test_settings_that_got_no_answer_are_sent_again(stream, store, monkeypatch):
    worker = WorkerEnd()
    step(stream, worker)
    answers = asked(store, "smile")
    worker.silent = True
    step(stream, worker)
    assert answers == []
    worker.silent = False
    monkeypatch.setattr("mirage_lsd.obs_script.filters.streams.time.monotonic", lambda late=stream._retry_at + 1: late)
    step(stream, worker)
    (answer,) = answers
    assert answer.applied
    assert answer.filters[0].generation == stream.slot.get("generation") == worker.applied[-1]


def later(monkeypatch, seconds: float) -> None:
    """Let so much time pass."""
    now = time.monotonic()
    monkeypatch.setattr("mirage_lsd.obs_script.filters.streams.time.monotonic", lambda: now + seconds)


def test_a_size_that_no_ring_holds_is_a_problem_while_it_lasts(stream):
    worker = WorkerEnd()
    step(stream, worker)
    stream.slot.put("want_width_px", 9000)
    step(stream, worker)
    assert "a ring holds" in stream.problem
    step(stream, worker)
    assert "a ring holds" in stream.problem
    stream.slot.put("want_width_px", 64)
    step(stream, worker)
    assert stream.problem == ""


def test_a_worker_that_did_not_answer_is_a_problem_until_it_does(stream, store, monkeypatch):
    worker = WorkerEnd()
    step(stream, worker)
    asked(store, "smile")
    worker.silent = True
    step(stream, worker)
    assert stream.problem == "no answer"
    worker.silent = False
    store.submit(Undo())  # the wish it did not answer is taken back, so nothing is left to tell it
    later(monkeypatch, 2.0)
    step(stream, worker)
    step(stream, worker)
    assert stream.problem == ""


def test_settings_that_cannot_be_used_are_a_problem_until_others_come(stream):
    worker = WorkerEnd()
    step(stream, worker)
    stream.slot.put_text("settings", json.dumps({"enabled": True, "steps": 99}))
    step(stream, worker)
    assert "steps" in stream.problem
    stream.slot.put_text("settings", json.dumps({"enabled": True, "steps": 2}))
    step(stream, worker)
    assert stream.problem == ""


def test_a_preset_that_is_not_there_is_a_problem_until_the_window_says_otherwise(stream):
    worker = WorkerEnd()
    step(stream, worker)
    for preset, problem in (("gone", True), ("", False)):
        stream.slot.put_text("settings", json.dumps({"enabled": True, "preset": preset}))
        step(stream, worker)
        assert bool(stream.problem) == problem


def test_a_refusal_that_somebody_else_was_answered_does_not_stay(stream, store, monkeypatch):
    worker = WorkerEnd()
    step(stream, worker)
    with pytest.raises(UnknownWordError):
        asked(store, UNKNOWN)
    step(stream, worker)
    assert UNKNOWN in stream.problem
    later(monkeypatch, 60.0)
    step(stream, worker)
    assert stream.problem == ""


@pytest.mark.parametrize("choice, ready", [("source", 1), ("last", 0), ("nothing", 0)])
def test_who_hides_behind_a_look_that_is_refused_at_the_start_is_not_captured(stream, store, choice, ready):
    worker = WorkerEnd()
    text = {"enabled": True, "prompt": UNKNOWN, "scene": "forest", "when_unstyled": choice}
    stream.slot.put_text("settings", json.dumps(text))
    for _ in range(4):
        step(stream, worker)
    assert stream.slot.get("ready") == ready
    assert UNKNOWN in stream.problem
    store.submit(ApplyWords("forest", "scene"))
    step(stream, worker)
    assert (stream.slot.get("ready"), stream.problem) == (1, "")


def test_a_twin_begins_in_the_look_that_the_other_wears_now(stream, store, tmp_path):
    worker = WorkerEnd()
    step(stream, worker)
    asked(store, "smile")
    step(stream, worker)
    slot = ControlBlock.create(str(tmp_path / "twin.bin")).slots[1]
    slot.put("instance", 7)
    slot.put_text("parent_name", "Camera")
    slot.put_text("filter_name", "Mirage LSD")
    slot.put_text("settings", json.dumps({"enabled": True, **stream.look.to_write, "hair": "short hair"}))
    twin = FilterStream(slot, lambda name: str(tmp_path / name), lambda *_: None, store, lambda *_: stream)
    twin.step(worker)
    assert {layer.name: layer.words for layer in store.look(7).look.layers} == {"prompt": "smile", "hair": "short hair"}
    assert [layer.words for layer in store.look(stream.instance).look.layers] == ["smile"]
    assert not twin.may_join(stream)
    store.submit(Undo(), 7)
    twin.step(worker)
    assert twin.may_join(stream)
    slot.put("apart", 1)
    assert not twin.may_join(stream)
    twin.close(worker)
