# SPDX-License-Identifier: Apache-2.0
"""How much a process gives way to others where the processor is short.

Called once, as a process of the worker's starts. Invariant: OBS and voice (idle until somebody speaks) go first, then
the picture, then gestures.
"""

from __future__ import annotations

import logging
import sys

import psutil

log = logging.getLogger(__name__)
PICTURE, GESTURES = 3, 10  # niceness; OBS's is 0, as a game's is


def give_way(niceness: int) -> None:
    """Lowers this process's priority, unless it is as low already."""
    process = psutil.Process()
    try:
        if sys.platform == "win32":
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        elif process.nice() < niceness:
            process.nice(niceness)
    except psutil.Error as error:
        log.info("the priority stays as it is: %s", error)
