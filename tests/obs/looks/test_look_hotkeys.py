# SPDX-License-Identifier: Apache-2.0
"""Hotkeys in real OBS: key events through the X server and obs-websocket's triggers change the pixels."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from look_studio import LookStudio, look_source
from obs_scene import Item, Script
from studio import FILTER_NAME, MIRAGE_SCRIPT, alive

from mirage_lsd.shared.messages.look_commands import ApplyPreset, ClearLook
from mirage_lsd.shared.messages.look_events import LookChanged, TalkChanged
from mirage_lsd.worker.presets.presets import load_library

pytestmark = [pytest.mark.obs, pytest.mark.slow]
ACTIONS = {f"mirage_lsd.{name}" for name in ("undo", "redo", "next", "previous", "random", "off", "on", "clear",
                                             "push_to_talk")}
RELOADER = Script(Path(__file__).parents[1] / "scripts" / "reloader.py")


def own(source: str) -> str:
    """The prefix of the hotkeys of one filter."""
    return "mirage_lsd." + hashlib.sha256(f"{source}/{FILTER_NAME}".encode()).hexdigest()[:8]


KEYS = {
    "mirage_lsd.preset.forest": "F9",
    "mirage_lsd.undo": "F10",
    f"{own('Right')}.preset.beach": "F11",
    "mirage_lsd.push_to_talk": "F12",
    "mirage_lsd.off": "F8",
    "mirage_lsd.preset.mine": "F7",
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hotkeys")
    sources = [look_source(folder, "Left"), look_source(folder, "Right")]
    items = [Item("Left"), Item("Right", x_px=100.0)]
    with LookStudio(folder / "obs", sources, KEYS, items=items) as studio:
        studio.start()
        studio.wait_presets("Night rider")
        studio.wait_until(lambda: len(studio.hotkeys()) > 100, "the hotkeys of both filters")
        yield studio


@pytest.fixture(autouse=True)
def bare(studio):
    """Every test starts from the camera's look, with a controller that hears everything."""
    with studio.controller() as client:
        client.do(ClearLook())
        yield client


def test_every_preset_and_action_is_there_once_for_all_filters_and_for_each(studio):
    names = studio.hotkeys()
    presets = {f"mirage_lsd.preset.{each}" for each in load_library()}
    assert ACTIONS | presets <= set(names)
    for source in ("Left", "Right"):
        assert {name.replace("mirage_lsd", own(source), 1) for name in presets} <= set(names)
    assert max(Counter(names).values()) == 1


def test_a_key_changes_the_pixels_of_all_filters_and_another_takes_it_back(studio):
    studio.press("F9")
    studio.wait_look("Left", "forest")
    studio.wait_look("Right", "forest")
    studio.press("F10")
    studio.wait_look("Left", "")
    studio.wait_look("Right", "")


def test_a_filters_own_key_changes_only_that_filter(studio):
    studio.press("F11")
    studio.wait_look("Right", "beach")
    studio.wait_look("Left", "")


def test_obs_websocket_presses_hotkeys_by_name_and_by_key(studio):
    studio.trigger("mirage_lsd.preset.navy-suit")
    studio.wait_look("Left", "navy suit")
    studio.request("TriggerHotkeyByKeySequence", keyId="OBS_KEY_F9")
    studio.wait_look("Left", "forest, navy suit")
    studio.trigger("mirage_lsd.next")
    studio.wait_look("Left", "beach, navy suit")


def test_everyone_hears_that_it_was_a_hotkey(studio, bare):
    bare.events()
    studio.press("F9")
    changed = seen(bare, LookChanged)
    assert (changed.origin, changed.command) == ("hotkey", "apply_preset")
    assert {one.name for one in changed.filters} == {f"{each}/{FILTER_NAME}" for each in ("Left", "Right")}


def test_push_to_talk_tells_when_it_goes_down_and_up(studio, bare):
    studio.press("F12", held_s=0.3)
    assert seen(bare, TalkChanged).held is True
    assert seen(bare, TalkChanged).held is False


def test_off_shows_the_source_while_the_worker_hangs(studio, bare):
    bare.do(ApplyPreset("forest"))
    slot = studio.wait_styled("Left")
    (pid,) = studio.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        started_s = time.monotonic()
        studio.trigger("mirage_lsd.off")
        while slot.get("off") == 0:
            assert time.monotonic() - started_s < 5, "the off word waits for the worker"
    finally:
        os.kill(pid, signal.SIGCONT) if alive(pid) else None
    studio.wait_untouched("Left")
    settings = studio.request("GetSourceFilter", sourceName="Left", filterName=FILTER_NAME)["filterSettings"]
    assert settings["enabled"] is False
    studio.trigger("mirage_lsd.on")
    studio.wait_look("Left", "forest")


def test_a_preset_written_while_live_is_a_hotkey_at_once_with_the_key_of_the_profile(studio):
    studio.write_presets('[mine]\nname = "My own"\noutfit = "pink dress"\nscene = "space"\n')
    studio.wait_presets("mine\tMy own")
    studio.wait_until(lambda: "mirage_lsd.preset.mine" in studio.hotkeys(), "the new hotkey")
    studio.press("F7")
    studio.wait_look("Left", "space, pink dress")
    slot = studio.slot("Left")
    studio.write_presets('[mine]\nname = "My own"\noutfit = "pink dress"\nscene = "forest"\n')
    studio.wait_look("Left", "forest, pink dress")  # who wears it, wears its new words
    studio.write_presets('[mine]\nname = "My own"\nfade = 3\n')
    studio.wait_until(lambda: "unknown key 'fade'" in studio.status(slot), "the mistake in the status")
    assert str(studio.presets_file) in studio.status(slot)
    studio.wait_presets("mine\tMy own")
    studio.trigger("mirage_lsd.preset.mine")
    studio.wait_look("Left", "forest, pink dress")
    studio.presets_file.unlink()
    studio.wait_presets("mine\tMy own", there=False)
    studio.wait_until(lambda: "mirage_lsd.preset.mine" not in studio.hotkeys(), "the hotkey to be gone")
    studio.wait_until(lambda: "unknown key" not in studio.status(slot), "the mistake to be gone")


def wait_profile(studio, name):
    """Newer OBS answers before the profile has changed; the keys follow it within some OBS frames."""
    studio.wait_until(lambda: studio.request("GetProfileList")["currentProfileName"] == name, f"the profile {name}")
    studio.wait_ticks(studio.slot("Left"), 30)


def test_another_profile_has_other_keys(studio):
    studio.request("CreateProfile", profileName="Other")
    try:
        wait_profile(studio, "Other")
        studio.press("F9")
        time.sleep(0.5)
        studio.wait_look("Left", "")
    finally:
        studio.request("SetCurrentProfile", profileName="Mirage")
    wait_profile(studio, "Mirage")
    studio.press("F9")
    studio.wait_look("Left", "forest")


def test_after_a_reload_nothing_is_there_twice_and_keys_work(tmp_path):
    environment = {"RELOADER_FOLDER": str(tmp_path), "RELOADER_SCRIPT": str(MIRAGE_SCRIPT)}
    sources = [look_source(tmp_path, "Left")]
    with LookStudio(tmp_path / "obs", sources, KEYS, scripts=[RELOADER], environment=environment) as studio:
        studio.start()
        studio.wait_until(lambda: "mirage_lsd.preset.forest" in studio.hotkeys(), "the hotkeys")
        before = studio.hotkeys()
        for number in (1, 2):
            (tmp_path / "wanted").write_text(str(number))
            done = tmp_path / "done"
            studio.wait_until(lambda n=number, d=done: d.exists() and d.read_text() == str(n), "the reload")
            studio.wait_until(lambda: len(studio.sessions()) == 1, "the former session to be gone")
            studio.wait_until(lambda: sorted(studio.hotkeys()) == sorted(before), "the same hotkeys")
        studio.press("F9")
        studio.wait_look("Left", "forest")
        with studio.controller() as client:
            client.events()
            studio.press("F10")
            assert seen(client, LookChanged).command == "undo"
            time.sleep(0.3)
            assert [one for one in client.events() if isinstance(one, LookChanged)] == []
        assert studio.quit() == 0


def test_events_of_obs_while_hotkeys_are_registered_do_no_harm(tmp_path):
    with LookStudio(tmp_path / "obs", [look_source(tmp_path, "Left")]) as studio:
        studio.start()
        for number in range(6):
            names = [f"mine{number}-{each}" for each in range(40)]
            studio.write_presets("".join(f'[{name}]\nname = "{name}"\nscene = "space"\n' for name in names))
            wanted = {f"mirage_lsd.preset.{name}" for name in names}
            while not wanted <= set(studio.hotkeys()):
                for on in (True, False):
                    studio.request("SetStudioModeEnabled", studioModeEnabled=on)
        studio.trigger("mirage_lsd.preset.mine5-39")
        studio.wait_look("Left", "space")
        assert studio.quit() == 0


def seen(client, kind, within_s: float = 10.0):
    """The next event of this kind."""
    queue = client.__dict__.setdefault("_unseen", [])
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        for place, event in enumerate(queue):
            if isinstance(event, kind):
                del queue[: place + 1]
                return event
        queue.extend(client.events(0.2))
    raise AssertionError(f"no {kind.__name__} within {within_s} s")
