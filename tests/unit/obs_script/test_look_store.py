# SPDX-License-Identifier: Apache-2.0
"""The look store, on a real control block: who is answered when, what a hanging worker means, what is refused."""

from __future__ import annotations

import random
import threading
import time

import pytest
from look_chaos import random_command

from mirage_lsd.obs_script.host import control_block
from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.obs_script.looks.look_state import LookError
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.messages.look import Look, Preset
from mirage_lsd.shared.messages.look_commands import ApplyPreset, ApplyWords, TurnOff, TurnOn, Undo
from mirage_lsd.shared.messages.look_events import LookChanged, LookDone, LookRefused, PresetsChanged
from mirage_lsd.shared.vocabulary import UnknownWordError

PRESETS = {each: Preset(each, each.title(), scene=each) for each in ("forest", "beach", "space")}
NAME = "Camera/Mirage LSD"


@pytest.fixture
def block(tmp_path):
    block = ControlBlock.create(str(tmp_path / control_block.FILE_NAME))
    yield block
    block.close()


@pytest.fixture
def store(block):
    store = LookStore(lambda: None)
    store.set_presets(PRESETS, "", "mine.toml")
    store.add(1, NAME, Look(), block.slots[0])
    store.set_running(True)
    store.applied(1, store.look(1).revision, 1)
    return store


@pytest.fixture
def events(store):
    heard = []
    store.on_event(heard.append)
    return heard


def asked(store, command) -> list:
    """A list that gets the answer."""
    answers = []
    store.submit(command).done(answers.append)
    return answers


def test_the_answer_comes_when_the_worker_draws_it(store):
    answers = asked(store, ApplyPreset("forest", origin="ctl:me"))
    assert answers == []
    revision = store.look(1).revision
    assert store.look(1).look.words("scene") == "forest"
    store.applied(1, revision, 9)
    (done,) = answers
    assert isinstance(done, LookDone)
    assert (done.applied, done.revision, done.filters[0].generation) == (True, revision, 9)
    store.applied(1, revision, 10)
    assert len(answers) == 1


def test_a_newer_look_answers_the_older_command_too(store):
    first, second = asked(store, ApplyPreset("forest")), asked(store, ApplyPreset("beach"))
    store.applied(1, store.look(1).revision, 5)
    assert [one[0].applied for one in (first, second)] == [True, True]
    assert first[0].filters[0].look.preset == "beach"  # the last writer won


def test_off_is_in_the_slot_at_once_and_answered_without_the_worker(store, block):
    (done,) = asked(store, TurnOff())
    assert block.slots[0].get("off") == 1
    assert (done.applied, done.filters[0].look.off) == (False, True)
    asked(store, TurnOn())
    assert block.slots[0].get("off") == 0


def test_nobody_waits_for_a_worker_that_is_gone(store):
    answers = asked(store, ApplyPreset("forest"))
    store.set_running(False)
    assert answers[0].applied is False
    assert asked(store, ApplyPreset("beach"))[0].applied is False
    assert store.look(1).look.preset == "beach"


def test_words_that_the_model_does_not_know_are_refused_at_once_and_everyone_is_told(store, events):
    store.submit(ApplyPreset("forest"))
    before = store.look(1)
    with pytest.raises(UnknownWordError, match="unknown word 'hoody'; did you mean 'hoodie'") as refused:
        store.submit(ApplyWords("red hoody", "outfit", origin="ctl:me"))
    assert refused.value.code == "unknown_word"
    assert store.look(1) == before
    assert "hoody" in store.refusal(1)
    refusal = events[-1]
    store.submit(ApplyWords("red hoodie", "outfit"))
    assert store.refusal(1) == ""
    assert isinstance(refusal, LookRefused)
    assert (refusal.origin, refusal.command, refusal.code) == ("ctl:me", "apply_words", "unknown_word")
    assert refusal.text == str(refused.value)


def test_a_refusal_is_shown_for_a_while(store, monkeypatch):
    with pytest.raises(UnknownWordError):
        store.submit(ApplyWords("xyzzy"))
    later = time.monotonic() + 60
    monkeypatch.setattr("mirage_lsd.obs_script.looks.filter_entry.time.monotonic", lambda: later)
    assert store.refusal(1) == ""


def test_a_model_that_takes_any_words_has_them_and_the_others_stay_as_they_are(store, block, events):
    store.add(2, "Game/Mirage LSD", Look(), block.slots[1])
    store.set_model(2, takes_any_words=True)
    with pytest.raises(UnknownWordError):
        store.submit(ApplyWords("a castle by Monet"))
    assert [store.look(number).look.words("prompt") for number in (1, 2)] == ["", "a castle by Monet"]
    assert [type(event) for event in events[-2:]] == [LookChanged, LookRefused]


def test_what_another_model_wore_is_told_and_goes_with_the_next_command(store):
    store.set_model(1, takes_any_words=True)
    store.submit(ApplyWords("a castle by Monet"))
    store.set_model(1, takes_any_words=False)
    assert "castle" in str(store.unknown_word(1))
    store.submit(ApplyPreset("forest"))
    assert store.unknown_word(1) is None
    assert [layer.words for layer in store.look(1).look.layers] == ["forest"]
    with pytest.raises(UnknownWordError):
        store.submit(Undo())


def test_a_preset_that_is_rewritten_in_words_nobody_knows_leaves_the_look_there_is(store):
    store.submit(ApplyPreset("forest"))
    store.set_presets({**PRESETS, "forest": Preset("forest", "Forest", scene="jungle")}, "", "mine.toml")
    assert store.look(1).look.words("scene") == "forest"
    assert "jungle" in store.refusal(1)


def test_everyone_is_told_who_did_what_in_order(store, events):
    store.submit(ApplyPreset("forest", origin="hotkey"))
    store.submit(ApplyPreset("beach", origin="voice"))
    with pytest.raises(LookError):
        store.submit(ApplyPreset("nope", origin="gesture"))
    store.set_presets({}, "mine.toml: [x]: broken", "mine.toml")
    told = [(type(event).__name__, getattr(event, "origin", "")) for event in events]
    changed, refused = [("LookChanged", "hotkey"), ("LookChanged", "voice")], ("LookRefused", "gesture")
    assert told == [*changed, refused, ("PresetsChanged", "")]
    assert events[1].revision == events[0].revision + 1
    assert isinstance(events[3], PresetsChanged)
    assert store.report().problem == "mine.toml: [x]: broken"


def test_a_preset_wishes_a_scene_unless_a_scene_brought_it(store):
    store.set_presets({"live": Preset("live", "Live", scene="forest", obs_scene="On air")}, "", "")
    store.submit(ApplyPreset("live", origin="scene"))
    assert store.scene_wish == ""
    store.submit(ApplyPreset("live", origin="hotkey"))
    assert store.scene_wish == "On air"


def test_a_removed_filter_is_touched_no_more_and_keeps_nobody_waiting(store, block):
    answers = asked(store, ApplyPreset("forest"))
    store.remove(1)
    assert len(answers) == 1
    store.submit(TurnOff())
    assert block.slots[0].get("off") == 0
    store.applied(1, 99, 99)


def test_many_threads_leave_one_order_that_all_have_heard(store, block, events):
    store.add(2, "Game/Mirage LSD", Look(), block.slots[1])
    events.clear()
    first, answers = store.state.revision, []
    lock = threading.Lock()

    def command(seed):
        chance = random.Random(seed)
        for _ in range(300):
            try:
                pending = store.submit(random_command(chance, list(PRESETS), ["", "Camera", "Game"]))
            except (LookError, UnknownWordError):
                continue

            def answered(answer):
                with lock:
                    answers.append(answer)

            pending.done(answered)
            with lock:
                counted[0] += 1

    counted = [0]
    threads = [threading.Thread(target=command, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for instance in (1, 2):
            store.applied(instance, store.look(instance).revision, 1)
    for thread in threads:
        thread.join()
    for instance in (1, 2):
        store.applied(instance, store.look(instance).revision, 1)
    changes = [event for event in events if isinstance(event, LookChanged)]
    assert [event.revision for event in changes] == list(range(first + 1, store.state.revision + 1))
    mirror = {}
    for event in changes:
        mirror.update({one.name: one.look for one in event.filters})
    assert mirror == {one.name: one.look for one in store.state.filters.values()}
    assert len(answers) == counted[0]


def preview_of(store, block) -> None:
    """A twin of the filter appears, as studio mode makes one; it is the one that is previewed."""
    store.add_twin(2, 1, block.slots[1])
    store.set_previewed({2})


def test_a_twin_begins_in_the_look_of_the_other_with_its_history_and_is_not_named(store, block):
    store.submit(ApplyPreset("forest"))
    preview_of(store, block)
    assert store.look(2).look == store.look(1).look
    assert [one.name for one in store.reports()] == [NAME]
    store.submit(Undo(), 2)
    assert [store.look(number).look.preset for number in (1, 2)] == ["forest", ""]


def test_what_is_meant_for_one_twin_leaves_the_other_and_what_has_their_name_reaches_both(store, block, events):
    preview_of(store, block)
    store.submit(ApplyPreset("beach", NAME), 2)
    assert [store.look(number).look.preset for number in (1, 2)] == ["", "beach"]
    assert events[-1].filters == ()  # nothing that is on air has changed
    store.submit(ApplyPreset("space", NAME))
    assert [store.look(number).look.preset for number in (1, 2)] == ["space", "space"]
    assert [one.look.preset for one in events[-1].filters] == ["space"]


def test_a_preview_that_goes_on_air_is_told_of(store, block, events):
    preview_of(store, block)
    store.submit(ApplyPreset("beach"), 2)
    before = events[-1].revision
    store.remove(1)
    store.set_previewed(set())
    assert (events[-1].revision, events[-1].command) == (before + 1, "on_air")
    assert [one.look.preset for one in events[-1].filters] == ["beach"]
