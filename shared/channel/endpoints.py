# SPDX-License-Identifier: Apache-2.0
"""What the two processes tell each other at launch: one JSON line each way, over the worker's own pipes.

The OBS half writes a LaunchConfig to the worker's stdin, the worker answers with a LaunchReport on stdout.
Invariant: keys travel in that pipe only, never on a command line, in the environment or in a file. The pipe
stays open as long as the owner lives: EOF on stdin means that it has gone.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any, TypeVar

from mirage_lsd.shared.errors import EndpointError, FieldError, OtherRelease
from mirage_lsd.shared.messages.fields import Checked, build, integer, key, string
from mirage_lsd.shared.messages.strict_json import parse
from mirage_lsd.shared.messages.worker_commands import PROTOCOL
from mirage_lsd.shared.release import MAX_RELEASE_CHARS, RELEASE, UNKNOWN

MAX_LINE_BYTES = 64 * 1024
MAX_PATH_CHARS = 4096
EXIT_OTHER_RELEASE = 4
"""Exit status of a worker whose owner is of another release; it has written refusal_line()."""
HOST = "127.0.0.1"

_Line = TypeVar("_Line", bound="LaunchLine")


class LaunchLine(Checked):
    """Base of both lines: checks the fields, turns into a line and back. one_release: a line of another release is
    refused, whatever else is in it."""

    one_release = True

    def to_line(self) -> str:
        """One line of JSON, with the newline."""
        return json.dumps(dataclasses.asdict(self)) + "\n"

    @classmethod
    def from_line(cls: type[_Line], line: str | bytes) -> _Line:
        """Read such a line. Raises EndpointError: malformed (also for an empty line: EOF), other_release,
        unknown_version, bad_field. No error text holds the line itself, as it may hold a key."""
        data = line.encode("utf-8", "replace") if isinstance(line, str) else line
        content = _content(data, cls.__name__)
        if cls.one_release and content.get("release") != RELEASE:
            raise OtherRelease(_release_in(content), RELEASE)
        protocol = content.get("protocol")
        if type(protocol) is int and protocol != PROTOCOL:
            text = f"launch protocol {protocol} is not known, only {PROTOCOL}: use one release on both sides"
            raise EndpointError(text, "unknown_version")
        try:
            return build(cls, content)
        except FieldError as error:
            if content.get("release") != RELEASE:
                raise OtherRelease(_release_in(content), RELEASE) from error
            raise EndpointError(f"{cls.__name__}: {error}", "bad_field") from error


@dataclass(frozen=True)
class LaunchConfig(LaunchLine):
    """First line on the worker's stdin.

    session_dir: the session folder (absolute). doorbell: its file name there. The keys are CURVE keys in Z85,
    made for this launch; the client's secret stays with the client. log_file: where to log, "" for stderr. probe: file
    name of a MemoryProbe that the worker shall answer before it reports, "" for none.
    """

    session_dir: str = string(MAX_PATH_CHARS, min_chars=1)
    doorbell: str = string(MAX_PATH_CHARS, min_chars=1)
    server_public_key: str = key()
    server_secret_key: str = key(secret=True)
    client_public_key: str = key()
    log_file: str = string(MAX_PATH_CHARS, default="")
    probe: str = string(MAX_PATH_CHARS, default="")
    protocol: int = integer(PROTOCOL, PROTOCOL, default=PROTOCOL)
    release: str = string(MAX_RELEASE_CHARS, default=RELEASE)

    @property
    def doorbell_path(self) -> str:
        """Absolute path of the doorbell."""
        return self.path_of(self.doorbell)

    def path_of(self, name: str) -> str:
        """Path of a ring or doorbell that a message names. EndpointError if it is outside the folder."""
        path = os.path.normpath(os.path.join(self.session_dir, name))
        if os.path.dirname(path) != os.path.normpath(self.session_dir):
            raise EndpointError(f"{ascii(name)} is not a file name in the session folder", "bad_field")
        return path


@dataclass(frozen=True)
class LaunchReport(LaunchLine):
    """First line on the worker's stdout: where it listens on the loopback interface, and its process id."""

    control_port: int = integer(1, 65535)
    events_port: int = integer(1, 65535)
    pid: int = integer(1)
    protocol: int = integer(PROTOCOL, PROTOCOL, default=PROTOCOL)
    release: str = string(MAX_RELEASE_CHARS, default=RELEASE)


def refusal_line() -> str:
    """In place of a report, by a process that got a line of another release: says only of which it is."""
    return json.dumps({"release": RELEASE}) + "\n"


def _release_in(content: dict[str, Any]) -> str:
    release = content.get("release")
    return release[:MAX_RELEASE_CHARS] if type(release) is str else UNKNOWN


def _content(data: bytes, name: str) -> dict[str, Any]:
    if not data.strip():
        raise EndpointError(f"no {name} came: the other side closed the pipe", "malformed")
    if len(data) > MAX_LINE_BYTES:
        raise EndpointError(f"{name} has {len(data)} bytes, at most {MAX_LINE_BYTES} are allowed", "malformed")
    try:
        content = parse(data)
    except ValueError as error:
        raise EndpointError(f"{name} is not a line of JSON: {type(error).__name__}", "malformed") from error
    if type(content) is not dict:
        raise EndpointError(f"{name} is not a JSON object", "malformed")
    return content
