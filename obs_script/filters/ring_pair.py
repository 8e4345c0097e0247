# SPDX-License-Identifier: Apache-2.0
"""The two frame rings of one filter: one epoch's, and which are wanted while the source's size changes.

Used by streams.py on the supervisor thread. Invariants: the addresses handed to Lua stay valid until close(); the
former rings go only after Lua has taken the new ones or the filter is gone; a source that outgrows its ring has a
larger one at once, with room to spare, so that one that goes on growing seldom needs another.
"""

from __future__ import annotations

import time
from typing import Callable

from mirage_lsd.obs_script.host.control_block import Area
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.ring.ring import Ring

RETRY_S = 1.0
SETTLED_S = 5.0
ROOM_STEP_PX = 64


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
        return self._input.address, self._output.address

    def close(self) -> None:
        """Unmap and remove both."""
        self._drop(self._input)
        self._drop(self._output)

    @staticmethod
    def _drop(ring: Ring) -> None:
        ring.unlink()
        ring.close()


class RingKeeper:
    """`now`: the rings in use, None before the first."""

    def __init__(self, slot: Area, path_of: Callable[[str], str], stream_id: int, log: Callable[..., None]) -> None:
        self.now: RingPair | None = None
        self._slot, self._path_of, self._stream_id, self._log = slot, path_of, stream_id, log
        self._former: list[RingPair] = []
        self._wanted, self._wanted_since, self._retry_at = (0, 0), 0.0, 0.0

    @property
    def input_path(self) -> str:
        """Path of the ring with the source's pictures, "" while there is none."""
        return self._path_of(self.now.input_name) if self.now is not None else ""

    def follow(self) -> bool:
        """Give Lua rings for the size that it wants; False while there is nothing to say because a try is put off.
        Raises RingError (no_space, bad_geometry); it is tried again."""
        wanted = (self._slot.get("want_width_px"), self._slot.get("want_height_px"))
        now = time.monotonic()
        if wanted != self._wanted:
            self._wanted, self._wanted_since, self._retry_at = wanted, now, 0.0
        if self._former and self._slot.get("mapped_epoch") == self.now.epoch:
            self._drop_former()
        settled = now - self._wanted_since > SETTLED_S
        if 0 in wanted or (self.now is not None and _holds(self.now.size_px, wanted, exactly=settled)):
            return True
        if now < self._retry_at:
            return False
        self._retry_at = now + RETRY_S
        try:
            self._replace(wanted, settled)
        except MirageError:
            if self.now is None or not _holds(self.now.size_px, wanted, exactly=False):
                raise
        return True

    def close(self) -> None:
        """Give all of them back."""
        self._drop_former()
        if self.now is not None:
            self.now.close()
            self.now = None

    def _replace(self, wanted: tuple[int, int], settled: bool) -> None:
        outgrown = self.now is not None and not settled
        rings = self._with_room(wanted) if outgrown else self._new(wanted)
        if self.now is not None:
            self._former.append(self.now)
        self.now = rings
        self._slot.put("ready", 0)
        for name, address in zip(("input_address", "output_address"), rings.addresses()):
            self._slot.put(name, address)
        self._slot.put("epoch", rings.epoch)
        self._log(f"stream {self._stream_id}: rings {rings.epoch} for {rings.size_px[0]}x{rings.size_px[1]}")

    def _with_room(self, wanted: tuple[int, int]) -> RingPair:
        try:
            return self._new(tuple(_roomy(side, held) for side, held in zip(wanted, self.now.size_px)))
        except MirageError:
            return self._new(wanted)  # no memory for more than that, or more than a ring holds

    def _new(self, size_px: tuple[int, int]) -> RingPair:
        return RingPair(self._path_of, self._stream_id, self._slot.get("epoch") + 1, size_px)

    def _drop_former(self) -> None:
        for rings in self._former:
            rings.close()
        self._former.clear()


def _holds(size_px: tuple[int, int], wanted: tuple[int, int], exactly: bool) -> bool:
    return size_px == wanted if exactly else all(side <= held for side, held in zip(wanted, size_px))


def _roomy(side_px: int, held_px: int) -> int:
    """A side that has grown gets half as much again, one that has not keeps the room it had."""
    return held_px if side_px <= held_px else -(-side_px * 3 // (2 * ROOM_STEP_PX)) * ROOM_STEP_PX
