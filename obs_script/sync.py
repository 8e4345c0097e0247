# SPDX-License-Identifier: Apache-2.0
"""Keep in sync: an even delay for the picture, and the same delay for the sound of the filter's source.

Used by the supervisor thread about twice a second. Invariants: the sound offset that the user had set is kept
in the filter's own settings (sync_saved, sync_original_ns) from before the first change until it is put back,
so it survives a crash together with the changed offset, which OBS saves in the same file; the offset is put
back when the switch goes off, the filter is disabled, the worker gives up, or the plugin stops.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from mirage_lsd.obs_script.control_block import Latency
from mirage_lsd.obs_script.libobs import LibObs
from mirage_lsd.obs_script.streams import FilterStream

CHECK_EVERY_S = 0.5
SAMPLES = 60
STEP_NS, MARGIN_NS, MAX_HOLD_NS = 10_000_000, 10_000_000, 500_000_000
FIRST_HOLD_NS = 100_000_000
CHANGE_FROM_NS = 20_000_000


@dataclass(frozen=True)
class _Held:
    parent_name: str
    filter_name: str
    original_ns: int
    hold_ns: int


class KeepInSync:
    """Decides `hold_ns` for each stream and keeps its source's sound at the same delay."""

    def __init__(self, libobs: LibObs) -> None:
        self._libobs = libobs
        self._next = 0.0
        self._held: dict[int, _Held] = {}

    def step(self, streams: dict[int, FilterStream], worker_usable: bool) -> None:
        """Bring every stream's delays up to date. The names of removed filters' sources are remembered."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + CHECK_EVERY_S
        for instance in [one for one in self._held if one not in streams]:
            self._restore_removed(instance)
        for stream in streams.values():
            if not stream.parent_name:
                continue
            if stream.settings.keep_in_sync and stream.settings.enabled and worker_usable:
                self._hold(stream)
            elif stream.slot.get("hold_ns") or stream.raw.get("sync_saved") or stream.instance in self._held:
                self._release(stream)

    def close(self, streams: dict[int, FilterStream]) -> None:
        """Put every offset back; the plugin stops."""
        for stream in streams.values():
            if stream.instance in self._held:
                self._release(stream)

    def _hold(self, stream: FilterStream) -> None:
        hold_ns = next_hold_ns(stream.slot.get("hold_ns"), stream.slot.latencies()[1][-SAMPLES:])
        if hold_ns == stream.slot.get("hold_ns") and stream.instance in self._held:
            return
        names = stream.parent_name, stream.filter_name
        with self._libobs.source(names[0]) as parent, self._libobs.filter(parent, names[1]) as found:
            if not found:
                return
            original_ns = self._remember(found, parent)
            self._libobs.obs_source_set_sync_offset(parent, original_ns + hold_ns)
        self._held[stream.instance] = _Held(stream.parent_name, stream.filter_name, original_ns, hold_ns)
        stream.slot.put("hold_ns", hold_ns)

    def _remember(self, found: int, parent: int) -> int:
        """The user's own offset in ns, from the filter's settings or put there now."""
        with self._libobs.settings(found) as data:
            if not self._libobs.obs_data_get_bool(data, b"sync_saved"):
                offset_ns = self._libobs.obs_source_get_sync_offset(parent)
                self._libobs.obs_data_set_int(data, b"sync_original_ns", offset_ns)
                self._libobs.obs_data_set_bool(data, b"sync_saved", True)
            return self._libobs.obs_data_get_int(data, b"sync_original_ns")

    def _release(self, stream: FilterStream) -> None:
        stream.slot.put("hold_ns", 0)
        self._held.pop(stream.instance, None)
        names = stream.parent_name, stream.filter_name
        with self._libobs.source(names[0]) as parent, self._libobs.filter(parent, names[1]) as found:
            if not found:
                return
            with self._libobs.settings(found) as data:
                if self._libobs.obs_data_get_bool(data, b"sync_saved"):
                    original_ns = self._libobs.obs_data_get_int(data, b"sync_original_ns")
                    self._libobs.obs_source_set_sync_offset(parent, original_ns)
                    self._libobs.obs_data_set_bool(data, b"sync_saved", False)
                    stream.raw["sync_saved"] = False

    def _restore_removed(self, instance: int) -> None:
        """The filter is gone, and its settings with it: take off what it had added."""
        held = self._held.pop(instance)
        with self._libobs.source(held.parent_name) as parent:
            # Another collection may have a source of the same name: only our own offset is taken back.
            ours_ns = held.original_ns + held.hold_ns
            if parent and self._libobs.obs_source_get_sync_offset(parent) == ours_ns:
                self._libobs.obs_source_set_sync_offset(parent, held.original_ns)


def next_hold_ns(now_ns: int, recent: list[Latency]) -> int:
    """The delay to use: what nearly every recent result needed, in whole steps; kept while nearly right."""
    if len(recent) < SAMPLES // 2:
        return now_ns or FIRST_HOLD_NS
    needed = sorted(row.finished_ns - row.captured_ns for row in recent)[int(len(recent) * 0.95)]
    hold_ns = min(-(-(needed + MARGIN_NS) // STEP_NS) * STEP_NS, MAX_HOLD_NS)
    return hold_ns if abs(hold_ns - now_ns) >= CHANGE_FROM_NS else now_ns
