# SPDX-License-Identifier: Apache-2.0
"""The presets as OBS gets them: through the real reading process, again after every save, the last good list kept."""

from __future__ import annotations

import sys
import time

import pytest

from mirage_lsd.obs_script.filters.choices import layer_choices
from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.looks.hotkeys import hotkeys_for
from mirage_lsd.obs_script.looks.look_state import LookState, with_filter, with_presets
from mirage_lsd.obs_script.looks.preset_reader import PresetReader
from mirage_lsd.shared.messages.look import Look
from mirage_lsd.worker.presets.presets import CONFIG_VARIABLE, load_library, user_file


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path))
    return user_file()


@pytest.fixture
def reader(tmp_path, mine):
    return PresetReader(InstallRecord(sys.executable), str(tmp_path))


def read(reader):
    """The next new list."""
    until_s = time.monotonic() + 20
    while not reader.step():
        assert time.monotonic() < until_s, "no new list"
        time.sleep(0.02)
    return reader.newest


def test_the_shipped_ones_come_without_a_file_of_the_user(reader, mine):
    found = read(reader)
    assert found.presets == load_library()
    assert (found.problem, found.user_file) == ("", str(mine))


def test_a_save_is_seen_and_a_mistake_keeps_the_last_good_list(reader, mine):
    read(reader)
    mine.write_text('[mine]\nname = "Mine"\nscene = "forest"\n', encoding="utf-8")
    assert "mine" in read(reader).presets
    mine.write_text("[mine\n", encoding="utf-8")
    broken = read(reader)
    assert "not valid TOML" in broken.problem
    assert "mine" in broken.presets
    mine.write_text('[other]\nname = "Other"\nscene = "forest"\n', encoding="utf-8")
    mended = read(reader)
    assert mended.problem == ""
    assert ("mine" in mended.presets, "other" in mended.presets) == (False, True)
    mine.unlink()
    assert "other" not in read(reader).presets


def test_a_save_while_the_list_is_being_read_is_seen(tmp_path, mine):
    """The reading process has read and not yet ended when an editor saves: what was saved must come next."""
    slow = tmp_path / "python"
    save = """printf '[late]\\nname = "Late"\\nscene = "forest"\\n'"""
    slow.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\ntest -e "{mine}" || {save} > "{mine}"\n', encoding="utf-8")
    slow.chmod(0o755)
    reader = PresetReader(InstallRecord(str(slow)), str(tmp_path))
    assert "late" not in read(reader).presets
    assert "late" in read(reader).presets


def test_a_file_that_is_wrong_from_the_start_costs_no_shipped_preset(reader, mine):
    mine.write_text("[mine]\n", encoding="utf-8")
    found = read(reader)
    assert "[mine]: name is missing" in found.problem
    assert found.presets == load_library()


def test_a_python_that_is_gone_is_told_and_tried_again(tmp_path, mine):
    reader = PresetReader(InstallRecord(str(tmp_path / "python")), str(tmp_path))
    assert "the presets cannot be read" in read(reader).problem


def test_each_layer_offers_what_the_presets_have_for_it():
    offered = dict(layer_choices(load_library(), "outfit"))
    assert offered["red leather jacket"] == "Red leather jacket"
    assert offered["white jacket"] == "White jacket"  # only part of a preset: named by its words
    assert "keep" not in offered


def test_hotkeys_are_readable_and_each_filter_has_its_own_only_where_there_are_several():
    state = with_presets(LookState(), load_library())
    one = with_filter(state, 1, "Camera/Mirage LSD", Look())
    names = {key.description for key in hotkeys_for(one).values()}
    assert {"Mirage LSD: Red leather jacket", "Mirage LSD: undo", "Mirage LSD: push to talk"} <= names
    assert len(hotkeys_for(one)) == len(load_library()) + 9
    two = hotkeys_for(with_filter(with_filter(one, 2, "Game/Mirage LSD", Look()), 3, "Game/Second", Look()))
    names = [key.description for key in two.values()]
    assert {"Mirage LSD (Camera): undo", "Mirage LSD (Game/Second): Forest", "Mirage LSD: Forest"} <= set(names)
    assert len(names) == len(set(names))
