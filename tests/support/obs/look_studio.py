# SPDX-License-Identifier: Apache-2.0
"""A Studio for looks: filters that paint their look's colour, keys bound in the profile, real key events, a controller.

Used from one thread. Invariant: what is pressed goes through the X server to OBS, as a user's keyboard does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from key_events import Keyboard
from marking_worker import LOOK, look_bgr
from obs_config import PROFILE
from obs_scene import Source, image_source, mirage_filter
from studio import Studio, picture_file

from mirage_lsd.obs_script.host.control_block import Area
from mirage_lsd.shared.channel.look_address import FILE_NAME, LookAddress
from mirage_lsd.worker.programs.look_client import LookClient

KEY_DOWN_S = 0.1  # OBS looks at the keyboard every 25 ms


def look_source(folder: Path, name: str, seed: int = LOOK, **settings: object) -> Source:
    """A still picture under a filter that paints the look's colour (see marking_worker.py)."""
    path = folder / f"{name}.png"
    picture_file(path, 96, 64, seed=len(name))
    return image_source(name, path, filters=[mirage_filter(pipeline="passthrough", seed=seed, **settings)])


class LookStudio(Studio):
    """`keys`: hotkey name -> key, as "F9"; written into the profile as OBS's Settings window does."""

    def __init__(self, folder: Path, sources: Sequence[Source], keys: Mapping[str, str] | None = None, **more) -> None:
        super().__init__(folder, sources, **more)
        self.presets_file = self.folder / "mirage-lsd" / "presets.toml"
        self._bind(keys or {})

    def press(self, key: str, held_s: float = KEY_DOWN_S) -> None:
        """A real key event on OBS's screen."""
        with closing(Keyboard(self.display.name)) as keyboard:
            keyboard.press(key, held_s)
            time.sleep(KEY_DOWN_S)

    def trigger(self, hotkey: str) -> None:
        """Press a hotkey by its name through obs-websocket, as a Stream Deck does."""
        self.request("TriggerHotkeyByName", hotkeyName=hotkey)

    def hotkeys(self) -> list[str]:
        """Our hotkeys, by name, each as often as OBS has it."""
        return [name for name in self.request("GetHotkeyList")["hotkeys"] if name.startswith("mirage_lsd.")]

    def controller(self, name: str = "test") -> LookClient:
        """A controller of this OBS's look store."""
        return LookClient(name, self.address())

    def address(self) -> LookAddress:
        """What the running plugin's looks.json says."""
        paths = self.wait_until(lambda: sorted(self.session_root.glob(f"*/{FILE_NAME}")), "the look store's address")
        return self.wait_until(lambda: _read(paths[-1]), "the look store's address")

    def wait_look(self, source: str, words: str) -> None:
        """Wait until the pixels of a source have the colour of this look."""
        wanted = np.array(look_bgr(words))
        self.wait_styled(source)

        def wears() -> bool:
            return bool((np.abs(self.grab(source)[..., :3].astype(int) - wanted) <= 1).all())

        self.wait_until(wears, f"{source} in the look {words!r}: {self.slot(source).text('settings')}", 15)

    def wait_presets(self, text: str, there: bool = True) -> None:
        """Wait until the list in the properties window has (or has not) this text."""
        header = self.block().header
        self.wait_until(lambda: (text in (header.text("presets") or "")) == there, f"{text!r} in the list: {there}")

    def status(self, slot: Area) -> str:
        """A filter's status text."""
        return slot.text("status") or ""

    def write_presets(self, text: str) -> None:
        """Save the user's preset file as an editor does: a new file in the place of the old one."""
        self.presets_file.parent.mkdir(parents=True, exist_ok=True)
        new = self.presets_file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.presets_file)

    def _bind(self, keys: Mapping[str, str]) -> None:
        profile = self.folder / "obs-studio" / "basic" / "profiles" / PROFILE / "basic.ini"
        lines = [f"{name}={json.dumps({'bindings': [{'key': f'OBS_KEY_{key}'}]})}" for name, key in keys.items()]
        with profile.open("a", encoding="utf-8") as file:
            file.write("\n[Hotkeys]\n" + "\n".join(lines) + "\n")


def _read(path: Path) -> LookAddress | None:
    text = path.read_text(encoding="utf-8")
    return LookAddress.from_line(text) if text.endswith("\n") else None
