# SPDX-License-Identifier: Apache-2.0
"""A way from the supervisor thread into a callback of the OBS script.

Some of OBS's script functions (hotkeys) work only inside a callback of the script. The entry file connects one to a
signal of our own; call() emits it and returns when the callback has run, on the calling thread. Invariants: each load
of the script has a signal of its own, so connecting the next one never waits for an emission of the last one, which
may itself be waiting for the GIL. And no other thread runs Python while the callback does: OBS keeps the script whose
callback is running in one variable for all threads, which every frontend event empties, and a hotkey registered then
crashes OBS. The callback's part is to call nothing that lets go of the GIL.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
import time

from mirage_lsd.obs_script.host.libobs import LibObs

UNDISTURBED_S = 1.0
"""For so long no other thread asks for the GIL while a callback runs; one takes milliseconds."""
_numbers = itertools.count(1)


class _NoData(ctypes.Structure):
    """An empty calldata_t."""

    _fields_ = [
        ("stack", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("fixed", ctypes.c_bool),
    ]


class ScriptCall:
    """`signal`: the name to connect to on OBS's own signal handler."""

    def __init__(self, libobs: LibObs) -> None:
        self._libobs = libobs
        self.signal = f"mirage_lsd_call_{next(_numbers)}"
        libobs.signal_handler_add(libobs.obs_get_signal_handler(), f"void {self.signal}()".encode())

    def call(self) -> None:
        """Run the connected callback now; nothing happens if there is none any more."""
        handler = self._libobs.obs_get_signal_handler()
        if not handler:
            return
        nothing, usual_s = _NoData(), sys.getswitchinterval()
        sys.setswitchinterval(UNDISTURBED_S)
        try:
            time.sleep(2 * usual_s)  # threads that wait for the GIL already do so for the usual interval
            self._libobs.signal_handler_signal(handler, self.signal.encode(), ctypes.addressof(nothing))
        finally:
            sys.setswitchinterval(usual_s)
