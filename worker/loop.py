# SPDX-License-Identifier: Apache-2.0
"""The worker's loop: ring → stages → ring, newest frame first, until told to stop.

Runs on the worker's main thread. Invariant: a frame that fails costs that frame only: the error is reported,
its stream starts afresh, and the other streams go on.
"""

from __future__ import annotations

import logging

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.service import Service
from mirage_lsd.worker.stream import Stream

log = logging.getLogger(__name__)
IDLE_WAIT_S = 0.25


def serve(service: Service) -> None:
    """Runs until a Shutdown command arrives. Sleeps on the doorbell; a frame or a command rings it."""
    while not service.stopping:
        service.doorbell.wait(service.wait_s(IDLE_WAIT_S))
        service.obey()
        for stream in service.streams():
            process_newest(stream, service)
        service.report()


def process_newest(stream: Stream, service: Service) -> None:
    """Takes a stream's newest frame, if there is one, from ring to ring; a failure is reported, never raised."""
    try:
        stream.collect()
        job = stream.take_newest()
        if job is not None:
            stream.run(job)
    except MirageError as error:
        service.frame_failed(stream, error)
    except Exception as error:
        log.exception("stream %s: a frame failed", stream.stream_id)
        service.frame_failed(stream, error)
