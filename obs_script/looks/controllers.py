# SPDX-License-Identifier: Apache-2.0
"""Where look commands come from inside OBS, besides the filters' own windows: scenes, hotkeys, voice and gestures.

step() and close() run on the supervisor thread, talk() on a hotkey's or the look server's. Invariant: whoever commands
only submits to the look store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.host.script_call import ScriptCall
from mirage_lsd.obs_script.looks.hotkeys import Hotkeys
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.looks.scenes import Scenes
from mirage_lsd.obs_script.senses.gestures import Gestures
from mirage_lsd.obs_script.senses.voice import Voice
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.messages.look_events import TalkChanged


class Controllers:
    """`notes`: where voice and gestures write their lines of the status. `wake`: wakes the supervisor."""

    def __init__(self, libobs: LibObs, looks: LookStore, notes: dict[str, str], wake: Callable[[], None]) -> None:
        self._looks = looks
        self.script_call = ScriptCall(libobs)
        self.scenes = Scenes(libobs, looks)
        self.hotkeys = Hotkeys(libobs, looks, self.talk)
        self.voice = Voice(libobs, looks, notes, wake)
        self.gestures = Gestures(libobs, looks, notes, wake)

    def talk(self, held: bool) -> None:
        """The push-to-talk key went down or up; from any thread."""
        self.voice.talk(held)
        self._looks.notify(TalkChanged(held))

    def start(self, python: str, session: SessionFolder) -> None:
        """There is an installation: from now on processes that listen and look can run."""
        self.voice.start(python, session)
        self.gestures.start(python, session.path)

    def step(self, streams: Mapping[int, Any]) -> None:
        """One round; `streams`: the filters, as FilterHost has them."""
        self.scenes.step()
        self.voice.step()
        self.gestures.step(streams)
        if self.hotkeys.needed():
            self.script_call.call()
            self.hotkeys.finish()

    def close(self) -> None:
        """The plugin stops."""
        self.voice.close()
        self.gestures.close()
