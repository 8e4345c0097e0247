# SPDX-License-Identifier: Apache-2.0
"""Serves the look store to other programs: look commands in, replies and events out, over ZeroMQ with CURVE.

A thread of its own owns the sockets (shared/channel/channel.py) from start() to stop(); the look store calls back from
any thread, which only queues. Invariants: only holders of the key in looks.json get in; a controller cannot pose as a
hotkey; a slow or rude controller costs nobody else anything.

The interface, for any language with ZeroMQ and CURVE: connect a DEALER to control_port and a SUB to events_port with
the keys in looks.json. Messages are those of shared/channel/wire.py. In go Hello, GetLooks, GetPresets, Talk and the
commands of shared/messages/look_commands.py; back come Done, LooksReport, PresetPage, LookDone and ErrorReply; on the
SUB socket are the broadcasts of shared/messages/look_events.py, none missed from the first Joined that is heard there.
A look command is answered when the worker draws the look, so every frame OBS shows after that wears it or a newer one.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from typing import Any, Callable

from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.channel.endpoints import LaunchConfig
from mirage_lsd.shared.channel.look_address import FILE_NAME, LookAddress
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.errors import MirageError, WireError
from mirage_lsd.shared.messages.look_commands import MAX_ORIGIN_CHARS, GetLooks, GetPresets, LookCommand, Talk
from mirage_lsd.shared.messages.look_events import PRESETS_A_PAGE, Joined, PresetPage
from mirage_lsd.shared.messages.worker_commands import PROTOCOL, Hello
from mirage_lsd.shared.messages.worker_events import MAX_TEXT_CHARS, Done, ErrorReply

TRUSTED_ORIGINS = ("voice", "gesture")
"""Our own processes may use these names; any other controller is "ctl:name"."""
MAX_CLIENTS = 256
STOP_WITHIN_S = 2.0


class LookServer:
    """Raises MirageError when no port is free or the address cannot be written. zmq must be importable."""

    def __init__(self, looks: LookStore, session: SessionFolder, on_talk: Callable[[bool], None]) -> None:
        from mirage_lsd.shared.channel.channel import (  # zmq may be missing: then nobody is here
            ControlServer,
            new_key_pair,
        )

        server, client = new_key_pair(), new_key_pair()
        self._looks, self._on_talk = looks, on_talk
        self._server = ControlServer(LaunchConfig(session.path, FILE_NAME, server.public, server.secret, client.public))
        ports = self._server.control_port, self._server.events_port
        address = LookAddress(*ports, server.public, client.public, client.secret, os.getpid())
        address.write(session.path_of(FILE_NAME))
        self._names: dict[bytes, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirage-looks", daemon=True)

    def start(self) -> None:
        """Answer controllers from now on."""
        self._looks.on_event(self.publish)
        self._thread.start()

    def publish(self, event: Any) -> None:
        """Tell all controllers; only queues. An event too long for one message is left out."""
        if not self._stopping.is_set():
            try:
                self._server.publish(event)
            except WireError:
                return  # they see the gap in the revisions and ask

    def stop(self) -> None:
        """End the thread; it closes the sockets."""
        self._stopping.set()
        self._server.wake()
        self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for request in self._server.receive():
                self._answer(request)
        self._server.receive(0)
        self._server.close()

    def _answer(self, request: Any) -> None:
        try:
            answer = self._obey(request)
        except MirageError as error:
            answer = ErrorReply(error.code, str(error)[:MAX_TEXT_CHARS], getattr(error, "field", ""))
        if answer is not None:
            self._reply(request, answer)

    def _obey(self, request: Any) -> Any:
        """The reply, or None where it comes later."""
        command = request.message
        if isinstance(command, Hello):
            return self._hello(request.client, command)
        if isinstance(command, GetLooks):
            return self._looks.report()
        if isinstance(command, GetPresets):
            presets = list(self._looks.state.presets.values())
            return PresetPage(len(presets), tuple(presets[command.first : command.first + PRESETS_A_PAGE]))
        if isinstance(command, Talk):
            self._on_talk(command.held)
            return Done()
        if isinstance(command, LookCommand):
            signed = dataclasses.replace(command, origin=self._origin(request.client, command.origin))
            self._looks.submit(signed).done(lambda answer: self._reply(request, answer))
            return None
        raise MirageError(f"{type(command).__name__} is for the worker, not for the look server", "unknown_message")

    def _hello(self, client: bytes, command: Hello) -> Done:
        if command.protocol != PROTOCOL:
            text = f"the look server speaks protocol {PROTOCOL}, {command.client_name} speaks {command.protocol}"
            raise MirageError(f"{text}: use one release on both sides", "wrong_protocol")
        if len(self._names) >= MAX_CLIENTS:
            self._names.pop(next(iter(self._names)))
        self._names[client] = command.client_name
        self.publish(Joined(command.client_name))
        return Done()

    def _origin(self, client: bytes, said: str) -> str:
        name = said or self._names.get(client, "unnamed")
        return name if name in TRUSTED_ORIGINS else f"ctl:{name}"[:MAX_ORIGIN_CHARS]

    def _reply(self, request: Any, answer: Any) -> None:
        if not self._stopping.is_set():
            try:
                self._server.reply(request, answer)
            except WireError as error:
                self._server.reply(request, ErrorReply(error.code, str(error)))
