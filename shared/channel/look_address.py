# SPDX-License-Identifier: Apache-2.0
"""Where a running look store listens and the keys to it: one private file, looks.json, in OBS's session folder.

Written by the OBS half, read by controllers of the same user. Invariants: the file is made with mode 0600 inside a
0700 folder, so only this user (and what this user trusts) can command the looks; keys are new in every launch, so
the file of an OBS that has ended opens nothing.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass

from mirage_lsd.shared.channel import session_folder
from mirage_lsd.shared.channel.curve import KeyPair
from mirage_lsd.shared.channel.endpoints import LaunchLine, LaunchReport
from mirage_lsd.shared.errors import EndpointError
from mirage_lsd.shared.messages.fields import integer, key, string
from mirage_lsd.shared.messages.worker_commands import PROTOCOL
from mirage_lsd.shared.release import MAX_RELEASE_CHARS, RELEASE

FILE_NAME = "looks.json"
ROOT_VARIABLE = "MIRAGE_LSD_SESSION_ROOT"


@dataclass(frozen=True)
class LookAddress(LaunchLine):
    """Ports on the loopback interface, the CURVE keys (Z85) a controller needs, OBS's process id and the release that
    it runs. Controllers of other releases, and other programs, are let in: each message is checked for itself."""

    one_release = False
    control_port: int = integer(1, 65535)
    events_port: int = integer(1, 65535)
    server_public_key: str = key()
    client_public_key: str = key()
    client_secret_key: str = key(secret=True)
    pid: int = integer(1)
    protocol: int = integer(PROTOCOL, PROTOCOL, default=PROTOCOL)
    release: str = string(MAX_RELEASE_CHARS, default=RELEASE)

    @property
    def report(self) -> LaunchReport:
        """What ControlClient connects to."""
        return LaunchReport(self.control_port, self.events_port, self.pid)

    @property
    def keys(self) -> KeyPair:
        """The controller's key pair."""
        return KeyPair(self.client_public_key, self.client_secret_key)

    def write(self, path: str) -> None:
        """Make the file, whole from its first moment on; it must not exist yet. Raises EndpointError."""
        try:
            descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps(asdict(self)) + "\n")
            os.rename(path + ".new", path)
        except OSError as error:
            raise EndpointError(f"{path} cannot be made: {error.strerror}", "cannot_create") from error


def find(pid: int = 0) -> LookAddress:
    """The look store of the OBS started last by this user, or of the OBS with this process id.

    Raises EndpointError (not_found, not_private, malformed, other_release).
    """
    paths = running()
    if not paths:
        raise EndpointError("no OBS with the Mirage LSD script is running: start OBS first", "not_found")
    addresses = [_read(path) for path in (paths if pid else paths[:1])]
    for address in addresses:
        if pid in (0, address.pid):
            return address
    there = ", ".join(str(address.pid) for address in addresses)
    raise EndpointError(f"process {pid} is no OBS with the Mirage LSD script: there is {there}", "not_found")


def running() -> list[str]:
    """The address files of all OBS of this user that run now, that of the one started last first."""
    named = os.environ.get(ROOT_VARIABLE)
    roots = [named] if named else session_folder.known_roots()
    paths = [os.path.join(root, name, FILE_NAME) for root in roots for name in os.listdir(root)]
    alive = [path for path in paths if os.path.isfile(path) and session_folder.owner_is_alive(os.path.dirname(path))]
    return sorted(alive, key=os.path.getmtime, reverse=True)


def _read(path: str) -> LookAddress:
    if hasattr(os, "getuid") and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise EndpointError(f"{path} can be read by others: restart OBS to get new keys", "not_private")
    with open(path, encoding="utf-8-sig") as file:
        return LookAddress.from_line(file.read())
