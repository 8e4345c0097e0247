# SPDX-License-Identifier: Apache-2.0
"""OBS scenes and looks: a preset can switch the scene, and a scene can carry a preset.

step() runs on the supervisor thread, changed() on OBS's UI thread, where it only notes. Invariants: no loops: a scene
that we switched to brings no preset, and a preset that a scene brought switches no scene (look_store.py); scenes are
looked up and switched through CDLL, never with the GIL held (obs-studio issue 7516).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.look_commands import ApplyPreset

OURS_WITHIN_S = 5.0


class Scenes:
    """`carried`: the preset that each scene brings, by the scene's name."""

    def __init__(self, libobs: LibObs, looks: LookStore) -> None:
        self._libobs, self._looks = libobs, looks
        self.carried: Mapping[str, str] = {}
        self._changed = False
        self._ours, self._ours_until = "", 0.0

    def changed(self) -> None:
        """OBS switched to another scene."""
        self._changed = True

    def step(self) -> None:
        """Switch to the scene that a preset asked for; put on what a new scene carries."""
        wish, self._looks.scene_wish = self._looks.scene_wish, ""
        if wish:
            self._switch(wish)
        if self._changed:
            self._changed = False
            self._follow(self._libobs.scene_on_air())

    def _switch(self, name: str) -> None:
        if self._libobs.scene_on_air() == name:
            return
        with self._libobs.source(name) as scene:
            if scene is None:
                self._libobs.log(f"a preset asks for the OBS scene {name!r}, which does not exist")
                return
            self._ours, self._ours_until = name, time.monotonic() + OURS_WITHIN_S
            self._libobs.obs_frontend_set_current_scene(scene)

    def _follow(self, name: str) -> None:
        ours, self._ours = self._ours, ""
        preset = self.carried.get(name)
        if not preset or (name == ours and time.monotonic() < self._ours_until):
            return
        try:
            self._looks.submit(ApplyPreset(preset, origin="scene"))
        except MirageError as error:
            self._libobs.log(f"the scene {name!r} carries the preset {preset!r}: {error}")
