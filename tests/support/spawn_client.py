# SPDX-License-Identifier: Apache-2.0
"""Stands in for `flatpak-spawn --host` where there is no Flatpak: forwards in the same way, on the same machine.

Made after flatpak-xdg-utils' src/flatpak-spawn.c and flatpak's session-helper: the command gets the client's streams
and a session of its own; SIGTERM and SIGCONT are handed on, SIGKILL cannot be; the client ends with the command's
status, or 128 + n when signal n killed it. tests/obs/install/test_flatpak_sandbox.py runs the real one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def main(words: list[str]) -> int:
    """`--host --directory=FOLDER --env=NAME=VALUE... COMMAND...`"""
    variables, folder = {}, ""
    while words[0].startswith("--"):
        word, _, value = words.pop(0).partition("=")
        if word == "--env":
            name, _, variables[name] = value.partition("=")
        elif word == "--directory":
            folder = value
        elif word != "--host":
            raise SystemExit(f"unknown option {word}")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM, signal.SIGCONT])
    command = subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, **variables},
        start_new_session=True,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, []),
    )
    while command.poll() is None:
        number = signal.sigwait([signal.SIGCHLD, signal.SIGTERM, signal.SIGCONT])
        if number != signal.SIGCHLD:
            os.kill(command.pid, number)
    return command.returncode if command.returncode >= 0 else 128 - command.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
