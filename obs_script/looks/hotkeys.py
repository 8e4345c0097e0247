# SPDX-License-Identifier: Apache-2.0
"""Every preset and action as a hotkey in OBS's Settings → Hotkeys.

needed() and finish() run on the supervisor thread, register() between them inside a script callback (OBS registers a
script's hotkeys nowhere else), the hotkeys' own callbacks on OBS's thread for deferred calls. Invariants: the callbacks
only submit to the look store; register() calls nothing that lets go of the GIL (script_call.py says why), so nothing of
libobs.py; OBS saves the keys in its profile under the hotkey's name, and they are read back from there when a hotkey
is registered and when the profile changes; a name is registered at most once.

obs_hotkey_register_frontend is used through OBS's script binding on purpose: that one never takes the GIL while OBS
holds its hotkey lock, which a ctypes callback would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Callable

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.looks.look_state import LookState
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages import look_commands

TITLE = "Mirage LSD"
PUSH_TO_TALK = "mirage_lsd.push_to_talk"
ACTIONS = {
    "undo": ("undo", look_commands.Undo),
    "redo": ("redo", look_commands.Redo),
    "next": ("next preset", look_commands.NextPreset),
    "previous": ("previous preset", look_commands.PreviousPreset),
    "random": ("random preset", look_commands.RandomPreset),
    "off": ("off, show the camera", look_commands.TurnOff),
    "on": ("on", look_commands.TurnOn),
    "clear": ("take everything off", look_commands.ClearLook),
}


@dataclass(frozen=True)
class Hotkey:
    """description: what the user reads. command: submitted at a press; None: push to talk."""

    description: str
    command: Any = None


def hotkeys_for(state: LookState) -> dict[str, Hotkey]:
    """Every hotkey by its name in the profile: for all filters, and for each where there are several."""
    hotkeys = {PUSH_TO_TALK: Hotkey(f"{TITLE}: push to talk"), **_of_target(state, "mirage_lsd", TITLE, "")}
    names = sorted(filter_look.name for filter_look in state.filters.values())
    for name in names if len(names) > 1 else ():
        source = name.rpartition("/")[0]
        alone = sum(other.startswith(source + "/") for other in names) == 1
        prefix = "mirage_lsd." + hashlib.sha256(name.encode()).hexdigest()[:8]
        hotkeys.update(_of_target(state, prefix, f"{TITLE} ({source if alone else name})", name))
    return hotkeys


def _of_target(state: LookState, prefix: str, title: str, target: str) -> dict[str, Hotkey]:
    actions = {
        f"{prefix}.{name}": Hotkey(f"{title}: {words}", kind(target=target, origin="hotkey"))
        for name, (words, kind) in ACTIONS.items()
    }
    presets = {
        f"{prefix}.preset.{name}": Hotkey(f"{title}: {preset.name}", look_commands.ApplyPreset(name, target, "hotkey"))
        for name, preset in state.presets.items()
    }
    return {**actions, **presets}


class Hotkeys:
    """The hotkeys of one load of the script."""

    def __init__(self, libobs: LibObs, looks: LookStore, on_talk: Callable[[bool], None]) -> None:
        self._libobs, self._looks, self._on_talk = libobs, looks, on_talk
        self._wanted: dict[str, Hotkey] = {}
        self._registered: dict[str, tuple[int, Callable[[bool], None], str]] = {}
        self._keyless: list[str] = []
        self._seen: Any = None

    def needed(self) -> bool:
        """Whether refresh() has something to do: presets or filters have changed."""
        state = self._looks.state
        seen = (state.presets, sorted(filter_look.name for filter_look in state.filters.values()))
        if seen == self._seen:
            return False
        self._seen = seen
        self._wanted = hotkeys_for(state)
        return {name: key.description for name, key in self._wanted.items()} != self._descriptions()

    def register(self, obs: Any) -> None:
        """Register what is new, take away what is gone. `obs`: obspython."""
        for name in [known for known in self._registered if known not in self._wanted]:
            obs.obs_hotkey_unregister(self._registered.pop(name)[1])
        for name, hotkey in self._wanted.items():
            if name not in self._registered:
                callback = self._callback(name)
                number = obs.obs_hotkey_register_frontend(name, hotkey.description, callback)
                self._registered[name] = (number, callback, hotkey.description)
                self._keyless.append(name)

    def finish(self) -> None:
        """Give what is newly registered its keys, rename what is called otherwise."""
        self._load_keys(self._keyless)
        self._keyless.clear()
        for name, (number, callback, description) in list(self._registered.items()):
            hotkey = self._wanted.get(name)
            if hotkey is not None and hotkey.description != description:
                self._libobs.obs_hotkey_set_description(number, hotkey.description.encode())
                self._registered[name] = (number, callback, hotkey.description)

    def profile_changed(self) -> None:
        """Another profile has other keys."""
        self._load_keys(list(self._registered))

    def _descriptions(self) -> dict[str, str]:
        return {name: entry[2] for name, entry in self._registered.items()}

    def _callback(self, name: str) -> Callable[[bool], None]:
        def pressed(is_down: bool) -> None:
            hotkey = self._wanted.get(name)
            if hotkey is None:
                return
            if hotkey.command is None:
                self._on_talk(bool(is_down))
            elif is_down:
                self._submit(hotkey.command)

        return pressed

    def _submit(self, command: Any) -> None:
        try:
            self._looks.submit(command)
        except MirageError as error:
            self._libobs.log(f"hotkey: {error}")

    def _load_keys(self, names: Iterable[str]) -> None:
        """Give hotkeys the keys that the profile holds for them; none where it holds none."""
        config = self._libobs.obs_frontend_get_profile_config()
        for name in names:
            text = self._libobs.config_get_string(config, b"Hotkeys", name.encode()) if config else None
            data = self._libobs.obs_data_create_from_json(text or b'{"bindings": []}')
            if not data:
                continue  # not JSON: whoever wrote it, it is not ours to clear
            bindings = self._libobs.obs_data_get_array(data, b"bindings")
            self._libobs.obs_hotkey_load(self._registered[name][0], bindings)
            self._libobs.obs_data_array_release(bindings)
            self._libobs.obs_data_release(data)
