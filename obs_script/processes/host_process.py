# SPDX-License-Identifier: Apache-2.0
"""A process on the host, started from inside Flatpak's sandbox by `flatpak-spawn --host`.

Used by child_process.py wherever it would start a process. What is at hand in the sandbox is the client, which ends
when the host's process does, with 128 + n as its status when that was killed by signal n. Invariants: the three
standard streams are the host process's own (their descriptors are handed over), so the end of its input reaches it
however OBS ends; it gets the session's environment and our own variables, never the sandbox's, whose paths lead astray.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from typing import Any

CLIENT = "flatpak-spawn"
OWN_VARIABLES = "MIRAGE_LSD_"
KILLED_WITHIN_S = GONE_WITHIN_S = 2.0


class HostProcess(subprocess.Popen):
    """A Popen of the client. Its pid is the client's: the host's processes cannot be seen from here, so a stopped one
    is noticed by its silence only."""

    def __init__(self, command: list[str], without: Iterable[str], **streams: Any) -> None:
        """`without`: variables of the session that the process shall not have. Raises OSError."""
        super().__init__(client_command(command, without), **streams)

    def kill(self) -> None:
        """The client cannot hand on SIGKILL. SIGTERM does the same to a process of ours, which has no handler for it,
        once SIGCONT lets a stopped one take it. Waits for the end; what is left after that ends with its input."""
        self.terminate()
        self.send_signal(signal.SIGCONT)
        try:
            self.wait(KILLED_WITHIN_S)
        except subprocess.TimeoutExpired:
            super().kill()

    def wait_gone(self) -> None:
        """After its input was closed: until the host's process has let go of its output, at most GONE_WITHIN_S. If only
        the client was killed, it still lives."""
        until = time.monotonic() + GONE_WITHIN_S
        while select.select([self.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
            if not os.read(self.stdout.fileno(), 65536):
                return


def client_command(command: list[str], without: Iterable[str]) -> list[str]:
    """The client's command line. In "/" because the host may not have the session folder (the worker says so); without
    --watch-bus, whose SIGINT would come between the worker and its tidying up when OBS dies."""
    own = [f"--env={name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(OWN_VARIABLES)]
    unset = [word for name in without for word in ("-u", name)]
    return [CLIENT, "--host", "--directory=/", *own, "env", *unset, *command]
