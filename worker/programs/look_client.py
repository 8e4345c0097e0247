# SPDX-License-Identifier: Apache-2.0
"""A controller's end of the look server (obs_script/looks/look_server.py): commands out, a mirror of all looks.

Constructed, used and closed by one thread, of the command line, a benchmark or any other program of the same user.
Invariant: `looks` is what the look store last told; a missed event is noticed by its revision and asked for.
"""

from __future__ import annotations

import time
from typing import Any

from mirage_lsd.shared.channel import look_address
from mirage_lsd.shared.channel.channel import ControlClient
from mirage_lsd.shared.channel.look_address import LookAddress
from mirage_lsd.shared.errors import ChannelTimeout, MirageError
from mirage_lsd.shared.messages.look import FilterReport, Preset
from mirage_lsd.shared.messages.look_commands import GetLooks, GetPresets, LookCommand
from mirage_lsd.shared.messages.look_events import Joined, LookChanged, LookDone, LooksReport
from mirage_lsd.shared.messages.worker_commands import PROTOCOL, Hello

ANSWER_WITHIN_S = 5.0
JOIN_AGAIN_S = 0.1


class LookClient:
    """`revision`, `looks`: every filter by name, as last told. Raises MirageError when there is no look server."""

    def __init__(self, name: str, address: LookAddress | None = None, listen: bool = True) -> None:
        """listen: wait until events come through; who only commands can do without."""
        address = address or look_address.find()
        self._client = ControlClient(address.report, address.server_public_key, address.keys)
        self.revision = -1
        self.looks: dict[str, FilterReport] = {}
        try:
            if listen:
                self._join(name)
                self.ask()
            else:
                self._client.request(Hello(PROTOCOL, name), ANSWER_WITHIN_S)
        except MirageError:
            self.close()
            raise

    def __enter__(self) -> LookClient:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def do(self, command: LookCommand) -> LookDone:
        """Has a look command done; returns when the worker draws it (or cannot at present: LookDone.applied)."""
        return self._client.request(command, ANSWER_WITHIN_S)

    def ask(self) -> LooksReport:
        """All looks as they are now."""
        report = self._client.request(GetLooks(), ANSWER_WITHIN_S)
        self.revision, self.looks = report.revision, {shown.name: shown for shown in report.filters}
        return report

    def presets(self) -> list[Preset]:
        """All presets in their order."""
        presets: list[Preset] = []
        while True:
            page = self._client.request(GetPresets(len(presets)), ANSWER_WITHIN_S)
            presets += page.presets
            if len(presets) >= page.total or not page.presets:
                return presets

    def request(self, command: Any) -> Any:
        """Any other command, such as Talk."""
        return self._client.request(command, ANSWER_WITHIN_S)

    def events(self, timeout_s: float = 0.0) -> list[Any]:
        """What happened since the last look; waits up to timeout_s for the first. Keeps the mirror up to date."""
        events = self._client.events(timeout_s)
        for event in events:
            if not isinstance(event, LookChanged) or event.revision <= self.revision:
                continue
            if event.revision > self.revision + 1:
                self.ask()
            else:
                self.revision = event.revision
                self.looks.update({shown.name: shown for shown in event.filters})
        return events

    def _join(self, name: str) -> None:
        """Say who we are until we hear it on the event stream: from then on no event is missed."""
        until_s = time.monotonic() + ANSWER_WITHIN_S
        while time.monotonic() < until_s:
            self._client.request(Hello(PROTOCOL, name), ANSWER_WITHIN_S)
            if Joined(name) in self._client.events(JOIN_AGAIN_S):
                return
        raise ChannelTimeout("the look server answers, but its events do not come through")

    def close(self) -> None:
        """Closes the sockets."""
        self._client.close()
