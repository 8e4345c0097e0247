# SPDX-License-Identifier: Apache-2.0
"""`python -m mirage_lsd.worker`: one persistent process that restyles the frames of every filter.

Started by the OBS half, which writes one line of launch data to its standard input and keeps that pipe open.
Invariant: when the pipe ends, its owner is gone or has let go of it: the process ends, whatever it is doing, and
removes the session folder unless the owner still lives.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from mirage_lsd.shared.channel import session_folder
from mirage_lsd.shared.channel.channel import ControlServer
from mirage_lsd.shared.channel.endpoints import EXIT_OTHER_RELEASE, LaunchConfig, LaunchReport, refusal_line
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import DoorbellError, MirageError, OtherRelease
from mirage_lsd.shared.ring import memory_probe
from mirage_lsd.worker.control import ControlThread
from mirage_lsd.worker.hosts.models_host import ModelsHost
from mirage_lsd.worker.loop import serve
from mirage_lsd.worker.processes.priority import PICTURE, give_way
from mirage_lsd.worker.service import Service

log = logging.getLogger("mirage_lsd.worker")
EXIT_BAD_LAUNCH = 2
EXIT_OWNER_GONE = 3
OWNER_ENDS_WITHIN_S = 0.5


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
    except OtherRelease as error:
        log.error("%s", error)
        print(refusal_line(), end="", file=report_to, flush=True)
        return EXIT_OTHER_RELEASE
    except MirageError as error:
        log.error("the worker cannot start: %s (%s)", error, error.code)
        return memory_probe.EXIT_NOT_SHARED if error.code == "not_shared" else EXIT_BAD_LAUNCH
    return 0


def run(launch: LaunchConfig, report_to) -> None:
    """Opens the sockets, reports where they are, and serves until told to stop."""
    server = ControlServer(launch)
    _end_with_owner(launch.session_dir)
    doorbell = _shared_doorbell(launch)
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


def _shared_doorbell(launch: LaunchConfig):
    """The doorbell; where the owner asked for it, with proof that memory and doorbell are the owner's."""
    try:
        doorbell = Doorbell.open(launch.doorbell_path)
    except DoorbellError as error:
        raise memory_probe.not_shared(str(error)) from error
    if launch.probe:
        memory_probe.answer(launch.path_of(launch.probe), doorbell)
    return doorbell


def _end_with_owner(session_dir: str) -> None:
    """Watches the launch pipe from its own thread, so that even a frame in progress cannot delay the end."""

    def watch() -> None:
        while sys.stdin.readline():
            pass
        if _owner_ends(session_dir):
            log.warning("the owner is gone: removing its session folder and ending")
            session_folder.remove(session_dir)
        else:
            log.warning("the owner closed the pipe: ending")
        os._exit(EXIT_OWNER_GONE)

    threading.Thread(target=watch, name="owner-watch", daemon=True).start()


def _owner_ends(session_dir: str) -> bool:
    """A process that dies loses its pipes and its lock one after the other. An owner that keeps the lock lives: it has
    given up this worker alone (from inside a sandbox it cannot kill a process of the host)."""
    until = time.monotonic() + OWNER_ENDS_WITHIN_S
    while session_folder.owner_is_alive(session_dir):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


if __name__ == "__main__":
    exit_status = main()
    logging.shutdown()
    # Not sys.exit: native libraries' own threads must not be able to hold up the end.
    os._exit(exit_status)
