# SPDX-License-Identifier: Apache-2.0
"""`python -m mirage_lsd.worker`: one persistent process that restyles the frames of every filter.

Started by the OBS half, which writes one line of launch data to its standard input and keeps that pipe open.
Invariant: when the pipe ends, its owner is gone: the session folder is removed and the process ends, whatever
it is doing.
"""

from __future__ import annotations

import logging
import os
import sys
import threading

from mirage_lsd.shared import session_folder
from mirage_lsd.shared.channel import ControlServer
from mirage_lsd.shared.doorbell import Doorbell
from mirage_lsd.shared.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.control import ControlThread
from mirage_lsd.worker.loop import serve
from mirage_lsd.worker.models_host import ModelsHost
from mirage_lsd.worker.priority import PICTURE, give_way
from mirage_lsd.worker.service import Service

log = logging.getLogger("mirage_lsd.worker")
EXIT_BAD_LAUNCH = 2
EXIT_OWNER_GONE = 3


def main() -> int:
    """Runs the worker; returns its exit status."""
    # The real standard output carries one line of launch data; whatever a library prints goes to the log instead.
    report_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    give_way(PICTURE)
    try:
        launch = LaunchConfig.from_line(sys.stdin.readline())
        run(launch, report_to)
    except MirageError as error:
        log.error("the worker cannot start: %s (%s)", error, error.code)
        return EXIT_BAD_LAUNCH
    return 0


def run(launch: LaunchConfig, report_to) -> None:
    """Opens the sockets, reports where they are, and serves until told to stop."""
    server = ControlServer(launch)
    _end_with_owner(launch.session_dir)
    doorbell = Doorbell.open(launch.doorbell_path)
    models = ModelsHost()
    control = ControlThread(server, doorbell)
    service = Service(doorbell, control, models, launch.path_of)
    control.start()
    models.start()
    print(LaunchReport(server.control_port, server.events_port, os.getpid()).to_line(), file=report_to, flush=True)
    log.info("ready for commands on port %s", server.control_port)
    try:
        serve(service)
    finally:
        service.close()
        control.stop()
        doorbell.close()


def _end_with_owner(session_dir: str) -> None:
    """Watches the launch pipe from its own thread, so that even a frame in progress cannot delay the end."""

    def watch() -> None:
        while sys.stdin.readline():
            pass
        log.warning("the owner is gone: removing its session folder and ending")
        session_folder.remove(session_dir)
        os._exit(EXIT_OWNER_GONE)

    threading.Thread(target=watch, name="owner-watch", daemon=True).start()


if __name__ == "__main__":
    exit_status = main()
    logging.shutdown()
    # Not sys.exit: native libraries' own threads must not be able to hold up the end.
    os._exit(exit_status)
