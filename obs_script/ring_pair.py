# SPDX-License-Identifier: Apache-2.0
"""The two frame rings of one filter and one epoch, as mapped in OBS's process.

Used by streams.py on the supervisor thread. Invariant: the addresses handed to Lua stay valid until close().
"""

from __future__ import annotations

import ctypes
from typing import Callable

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.ring import Ring


class RingPair:
    """The two rings of one epoch, mapped in OBS's process."""

    def __init__(self, path_of: Callable[[str], str], stream_id: int, epoch: int, size_px: tuple[int, int]) -> None:
        """Raises RingError (no_space, bad_geometry)."""
        self.epoch, self.size_px = epoch, size_px
        self.input_name, self.output_name = f"in-{stream_id}-{epoch}", f"out-{stream_id}-{epoch}"
        self._input = Ring.create(path_of(self.input_name), *size_px, epoch=epoch)
        try:
            self._output = Ring.create(path_of(self.output_name), *size_px, epoch=epoch)
        except MirageError:
            self._drop(self._input)
            raise

    def addresses(self) -> tuple[int, int]:
        """Where both are mapped here; valid until close()."""
        return _address(self._input), _address(self._output)

    def close(self) -> None:
        """Unmap and remove both."""
        self._drop(self._input)
        self._drop(self._output)

    @staticmethod
    def _drop(ring: Ring) -> None:
        ring.unlink()
        ring.close()


def _address(ring: Ring) -> int:
    first = ctypes.c_char.from_buffer(ring.buffer)
    address = ctypes.addressof(first)
    del first
    return address
