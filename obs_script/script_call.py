# SPDX-License-Identifier: Apache-2.0
"""A way from the supervisor thread into a callback of the OBS script.

Some of OBS's script functions (hotkeys) work only inside a callback of the script. The entry file connects one to a
signal of our own; call() emits it and returns when the callback has run, on the calling thread. Invariant: each load
of the script has a signal of its own, so connecting the next one never waits for an emission of the last one, which
may itself be waiting for the GIL.
"""

from __future__ import annotations

import ctypes
import itertools

from mirage_lsd.obs_script.libobs import LibObs

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
        nothing = _NoData()
        if handler:
            self._libobs.signal_handler_signal(handler, self.signal.encode(), ctypes.addressof(nothing))
