# SPDX-License-Identifier: Apache-2.0
"""The one rule of how looks change: layers compose, history goes back and forth, targets, and no hidden chance."""

from __future__ import annotations

import random

import pytest
from look_chaos import random_command

from mirage_lsd.obs_script.looks.look_state import (
    MAX_HISTORY,
    LookError,
    LookState,
    apply,
    renamed,
    with_filter,
    with_presets,
    without_filter,
)
from mirage_lsd.shared.messages.look import KEEP, Look, Preset
from mirage_lsd.shared.messages.look_commands import (
    ApplyPreset,
    ApplyWords,
    ClearLook,
    NextPreset,
    PreviousPreset,
    RandomPreset,
    Redo,
    TurnOff,
    TurnOn,
    Undo,
)

PRESETS = (
    Preset("rider", "Rider", outfit="black jacket", scene="city night", strength=0.8, seed=7, fade_ms=300),
    Preset("forest", "Forest", scene="forest"),
    Preset("free", "Free", prompt="a knight in armour"),
    Preset("bare", "Bare", outfit=KEEP, hair=KEEP, scene=KEEP, light=KEEP, prompt=KEEP),
)


@pytest.fixture
def state() -> LookState:
    presets = with_presets(LookState(), {one.id: one for one in PRESETS})
    return with_filter(with_filter(presets, 1, "Camera/Mirage LSD", Look()), 2, "Game/Mirage LSD", Look())


def done(state: LookState, *commands) -> LookState:
    for command in commands:
        state = apply(state, command)
    return state


def words(state: LookState, instance: int = 1) -> list[tuple[str, str]]:
    return [(layer.name, layer.words) for layer in state.filters[instance].look.layers]


def test_layers_compose_and_the_last_one_is_on_top(state):
    state = done(state, ApplyPreset("rider"), ApplyPreset("forest"), ApplyWords("navy suit", "outfit"))
    assert words(state) == [("scene", "forest"), ("outfit", "navy suit")]
    assert state.filters[1].look.preset == "forest"


def test_a_preset_brings_strength_seed_and_fade_and_a_command_may_fade_otherwise(state):
    look = done(state, ApplyPreset("rider")).filters[1].look
    assert (look.strength, look.seed, look.fade_ms) == (0.8, 7, 300)
    assert done(state, ApplyPreset("rider", fade_ms=50)).filters[1].look.fade_ms == 50


def test_a_layer_is_taken_off_even_when_free_words_below_name_it(state):
    state = done(state, ApplyWords("red hoodie on a beach"), ApplyWords(KEEP, "scene"))
    assert words(state) == [("prompt", "red hoodie on a beach"), ("scene", KEEP)]
    assert words(done(state, ApplyPreset("bare"))) == []
    assert words(done(state, ApplyWords("", "scene"))) == [("prompt", "red hoodie on a beach")]


def test_undo_and_redo_go_through_every_look_and_a_new_one_forgets_the_redo(state):
    state = done(state, ApplyPreset("rider"), ApplyPreset("forest"), TurnOff())
    seen = []
    for command in (Undo(), Undo(), Undo(), Undo(), Redo(), Redo(), Redo(), Redo()):
        state = apply(state, command)
        seen.append((state.filters[1].look.preset, state.filters[1].look.off))
    back = [("forest", False), ("rider", False), ("", False), ("", False)]
    assert seen == [*back, ("rider", False), ("forest", False), ("forest", True), ("forest", True)]
    state = done(state, Undo(), ApplyPreset("free"))
    assert done(state, Redo()) == state


def test_an_undo_goes_as_the_look_came(state):
    assert done(state, ApplyPreset("forest"), ApplyPreset("rider"), Undo()).filters[1].look.fade_ms == 300


def test_the_history_is_bounded(state):
    for number in range(3 * MAX_HISTORY):
        state = apply(state, ApplyWords(f"word {number}"))
    assert len(state.filters[1].undo) == MAX_HISTORY


def test_next_and_previous_go_round_and_start_at_the_ends(state):
    order = []
    for _ in range(len(PRESETS) + 1):
        state = apply(state, NextPreset())
        order.append(state.filters[1].look.preset)
    assert order == ["rider", "forest", "free", "bare", "rider"]
    assert apply(state, PreviousPreset()).filters[1].look.preset == "bare"
    assert apply(apply(state, ClearLook()), PreviousPreset()).filters[1].look.preset == "bare"


def test_random_never_gives_the_same_preset_again(state):
    for draw in range(50):
        before = state.filters[1].look.preset
        state = apply(state, RandomPreset(draw=draw))
        assert state.filters[1].look.preset != before


def test_off_keeps_the_look_and_what_is_put_on_turns_it_on(state):
    state = done(state, ApplyPreset("rider"), TurnOff())
    assert state.filters[1].look.off
    assert words(state) == [("outfit", "black jacket"), ("scene", "city night")]
    assert not done(state, TurnOn()).filters[1].look.off
    assert not done(state, ApplyPreset("forest")).filters[1].look.off
    assert not done(state, Undo()).filters[1].look.off


def test_the_window_turns_on_by_its_own_box_only(state):
    off = done(state, TurnOff())
    assert done(off, ApplyWords("red", "prompt", origin="properties")).filters[1].look.off
    assert done(off, ApplyPreset("rider", origin="properties")).filters[1].look.off
    assert not done(off, TurnOn(origin="properties")).filters[1].look.off


def test_typing_a_prompt_is_one_step_of_the_history(state):
    typed = [ApplyWords("red hoodie"[:size], origin="properties") for size in range(1, 11)]
    state = done(state, ApplyPreset("forest"), *typed)
    assert words(state)[-1] == ("prompt", "red hoodie")
    assert words(done(state, Undo())) == [("scene", "forest")]


def test_targets(state):
    one = done(state, ApplyPreset("forest", "Camera/Mirage LSD"))
    assert (words(one, 1), words(one, 2)) == ([("scene", "forest")], [])
    assert words(done(state, ApplyPreset("forest", "Game")), 2) == [("scene", "forest")]
    both = done(state, ApplyPreset("forest"))
    assert words(both, 1) == words(both, 2)
    assert both.revision == state.revision + 1
    with pytest.raises(LookError, match=r"no filter is called 'Nobody'; there are: Camera/Mirage LSD, Game/Mirage LSD"):
        apply(state, TurnOff("Nobody"))


def test_what_changes_nothing_has_no_revision_and_no_history(state):
    state = done(state, ApplyPreset("rider"))
    assert done(state, ApplyPreset("rider"), TurnOn()) == state
    fresh = with_filter(LookState(), 1, "Camera/Mirage LSD", Look())
    assert done(fresh, Undo(), Redo()) == fresh


def test_refusals_change_nothing_and_say_what_there_is(state):
    with pytest.raises(LookError, match="no preset is called 'nope'; there are: rider, forest"):
        apply(state, ApplyPreset("nope"))
    with pytest.raises(LookError, match="still being read"):
        apply(with_filter(LookState(), 1, "Camera/x", Look()), NextPreset())


def test_a_look_that_is_not_admitted_is_in_no_history_and_leaves_the_others_theirs(state):
    before = done(state, ApplyPreset("forest"))
    after = apply(before, ApplyWords("xyzzy"), admit=lambda number, wish: before.filters[1] if number == 1 else wish)
    assert (words(after, 1), words(after, 2)) == ([("scene", "forest")], [("scene", "forest"), ("prompt", "xyzzy")])
    assert words(done(after, Undo()), 1) == []
    assert apply(before, ApplyWords("xyzzy"), admit=lambda number, wish: before.filters[number]) == before


def test_a_preset_that_is_edited_is_worn_in_its_new_words_and_a_deleted_one_stays_on(state):
    state = done(state, ApplyPreset("rider"))
    edited = with_presets(state, {"rider": Preset("rider", "Rider", outfit="red jacket", scene="city night")})
    assert words(edited) == [("outfit", "red jacket"), ("scene", "city night")]
    assert edited.filters[1].look.strength == 1.0
    assert words(with_presets(edited, {})) == words(edited)


def test_filters_come_go_and_are_renamed(state):
    assert renamed(state, 1, "Face/Mirage LSD").targets("Face") == [1]
    assert list(without_filter(state, 1).filters) == [2]
    assert without_filter(state, 1).revision == state.revision


def test_whoever_follows_the_same_commands_arrives_at_the_same_looks(state):
    chance = random.Random(5)
    presets, targets = [one.id for one in PRESETS], ["", "Camera", "Game/Mirage LSD"]
    commands = [random_command(chance, presets, targets) for _ in range(1000)]
    ends = []
    for _ in range(2):
        now, revisions = state, []
        for command in commands:
            try:
                now = apply(now, RandomPreset(command.target, draw=3) if isinstance(command, RandomPreset) else command)
            except LookError:
                continue
            revisions.append(now.revision)
        assert revisions == sorted(revisions)
        ends.append(now)
    assert ends[0] == ends[1]
    for one in ends[0].filters.values():
        names = [layer.name for layer in one.look.layers]
        assert len(names) == len(set(names))
