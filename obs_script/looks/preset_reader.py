# SPDX-License-Identifier: Apache-2.0
"""The presets as the OBS half gets them: read by the worker's Python, again whenever a preset file changes.

Used by the supervisor thread; step() never waits: the reading is a short process of its own (OBS's Python may be too
old for TOML, and the model worker may be stopped or starting). Invariants: at most one such process; a list that
cannot be read leaves the last good one and says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.processes.child_process import output_of
from mirage_lsd.shared.errors import FieldError
from mirage_lsd.shared.messages.fields import build
from mirage_lsd.shared.messages.look import Preset
from mirage_lsd.shared.release import RELEASE, UNKNOWN, disagreement

LOOK_EVERY_S = 0.25
GIVE_UP_S = 20.0
RETRY_S = 5.0
CLOSE_WITHIN_S = 2.0
MAX_PROBLEM_CHARS = 1500


@dataclass(frozen=True)
class PresetList:
    """presets by id, in order; problem: what is wrong with the user's file; files: all that were read, the user's
    last; thumbnails: the folder with the shipped presets' pictures."""

    presets: dict
    problem: str = ""
    files: tuple = ()
    thumbnails: str = ""

    @property
    def user_file(self) -> str:
        """Path of the user's own presets."""
        return self.files[-1] if self.files else ""


class PresetReader:
    """`newest`: the list, None before the first."""

    def __init__(self, install: InstallRecord, folder: str) -> None:
        self._python, self._folder = install.worker_python, folder
        self.newest: PresetList | None = None
        self._reading: threading.Thread | None = None
        self._answer: Any = None
        self._seen: tuple = ()
        self._next = 0.0

    def step(self) -> bool:
        """True when `newest` is another."""
        if self._reading is not None:
            if self._reading.is_alive():
                return False
            self._reading = None
            return self._take(self._answer)
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + LOOK_EVERY_S
        now = stamps(self.newest.files) if self.newest is not None else ()
        if self.newest is None or now != self._seen:
            self._reading = threading.Thread(target=self._ask, name="mirage-presets", daemon=True)
            self._reading.start()
        return False

    def close(self) -> None:
        """Wait for a reading that is under way; it is short."""
        if self._reading is not None:
            self._reading.join(CLOSE_WITHIN_S)

    def _ask(self) -> None:
        try:
            command = [self._python, "-m", "mirage_lsd.worker.presets.preset_list"]
            self._answer = output_of(command, self._folder, GIVE_UP_S)
        except (OSError, subprocess.SubprocessError) as error:
            self._answer = error

    def _take(self, answer: Any) -> bool:
        if isinstance(answer, Exception):
            return self._failed(f"the presets cannot be read: {answer}")
        try:
            content = json.loads(answer)
            if content.get("release") != RELEASE:
                return self._of_another_release(str(content.get("release", UNKNOWN)))
            presets = [build(Preset, values) for values in content["presets"]]
            problem, files = str(content["problem"])[:MAX_PROBLEM_CHARS], tuple(content["files"])
            listed = PresetList({preset.id: preset for preset in presets}, problem, files, content["thumbnails"])
            seen = tuple(content["stamps"])
        except (ValueError, KeyError, TypeError, AttributeError, FieldError) as error:
            return self._failed(f"the list of presets is not usable: {error}")
        self._seen = seen  # of what was read: a save since then is seen at the next look
        if self.newest is not None and self.newest.files and listed.problem:
            # The shipped ones alone are less than the last good list: that one stays.
            listed = PresetList(self.newest.presets, listed.problem, listed.files, listed.thumbnails)
        self.newest = listed
        return True

    def _of_another_release(self, theirs: str) -> bool:
        """To ask again is of no use before something changes."""
        is_news = self._failed(disagreement(theirs))
        self._seen = stamps(self.newest.files)
        return is_news

    def _failed(self, problem: str) -> bool:
        before = self.newest or PresetList({})
        self._next = time.monotonic() + RETRY_S
        self.newest = PresetList(before.presets, problem, before.files, before.thumbnails)
        self._seen = ()
        return before.problem != problem


def stamps(files: tuple) -> tuple:
    """When each file was written last, and its size; 0 for one that is not there."""
    numbers = []
    for path in files:
        try:
            status = os.stat(path)
            numbers += [status.st_mtime_ns, status.st_size]
        except OSError:
            numbers += [0, 0]
    return tuple(numbers)
