# SPDX-License-Identifier: Apache-2.0
"""Memory that was freed, given back to the system.

Called by the thread that loads engines, when it has loaded one: making a net frees several times what it keeps, glibc
keeps that for each thread that ever asked, and a stream that changes its working size would grow each time. Never
called between frames: the next frame pays for fresh pages.
"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """glibc's malloc_trim(3); nothing where the allocator is another."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
