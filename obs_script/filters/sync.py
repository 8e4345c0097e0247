# SPDX-License-Identifier: Apache-2.0
"""Keep in sync: an even delay for the picture, and the same delay for the sound of the filter's source.

step() runs on the supervisor thread about twice a second, close() on OBS's UI thread, before OBS saves for the last
time. Invariants: the user's own offset belongs to the source: it is kept in the source's private settings, which OBS
saves, renames and brings back together with the source and its changed offset, and which no filter that is copied
takes along; a source's offset is its own and the delays of all filters on it; whichever way the last delay
ends, the own one is back and the note of it gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mirage_lsd.obs_script.filters.streams import FilterStream
from mirage_lsd.obs_script.host.control_block import Latency
from mirage_lsd.obs_script.host.libobs import LibObs

CHECK_EVERY_S = 0.5
SAMPLES = 60
STEP_NS, MARGIN_NS, MAX_HOLD_NS = 10_000_000, 10_000_000, 500_000_000
FIRST_HOLD_NS = 100_000_000
CHANGE_FROM_NS = 20_000_000
DELAYED, OWN_NS, SET_NS = b"mirage_lsd_delayed", b"mirage_lsd_own_offset_ns", b"mirage_lsd_set_offset_ns"


@dataclass(frozen=True)
class _Hold:
    """What a filter delays, its source as a weak reference that is the same for all filters on it, and by how much."""

    source: int
    delay_ns: int


class KeepInSync:
    """Decides `hold_ns` for each stream and keeps its source's sound at the same delay."""

    def __init__(self, libobs: LibObs) -> None:
        self._libobs = libobs
        self._next = 0.0
        self._using, self._closed = threading.Lock(), False
        self._holds: dict[int, _Hold] = {}
        self._sources: set[int] = set()

    def step(self, streams: dict[int, FilterStream], worker_usable: bool) -> None:
        """Bring every stream's and every source's delay up to date."""
        with self._using:
            if self._closed or time.monotonic() < self._next:
                return
            self._next = time.monotonic() + CHECK_EVERY_S
            self._holds = {instance: hold for instance, hold in self._holds.items() if instance in streams}
            for stream in streams.values():
                self._follow(stream, worker_usable)
            for source in list(self._sources):
                self._offset(source)

    def close(self) -> None:
        """The filters go, or OBS ends: every offset is the user's own from now on."""
        with self._using:
            self._closed = True
            self._holds.clear()
            for source in list(self._sources):
                self._offset(source)
                self._libobs.obs_weak_source_release(source)
            self._sources.clear()

    def _follow(self, stream: FilterStream, worker_usable: bool) -> None:
        with self._libobs.filter_of(*stream.names) as (parent, filter_):
            if not filter_:
                return  # one of them is being renamed
            source = self._weak(parent)
            wanted = stream.settings.keep_in_sync and stream.settings.enabled and worker_usable
            wanted = wanted and self._libobs.obs_source_enabled(filter_)
        now_ns = stream.slot.get("hold_ns")
        hold_ns = next_hold_ns(now_ns, stream.slot.latencies()[1][-SAMPLES:]) if wanted else 0
        if hold_ns != now_ns:
            stream.slot.put("hold_ns", hold_ns)
        if hold_ns:
            self._holds[stream.instance] = _Hold(source, hold_ns)
        else:
            self._holds.pop(stream.instance, None)

    def _weak(self, parent: int) -> int:
        """The weak reference to a source: one for as long as it lives, which makes it its identity."""
        source = self._libobs.obs_source_get_weak_source(parent)
        if source in self._sources:
            self._libobs.obs_weak_source_release(source)
        self._sources.add(source)
        return source

    def _offset(self, source: int) -> None:
        """Give the source the offset that is its own and its filters' delays; forget a source that is gone."""
        delay_ns = sum(hold.delay_ns for hold in self._holds.values() if hold.source == source)
        with self._noted(source) as (there, notes):
            if not there:
                self._sources.discard(source)
                self._libobs.obs_weak_source_release(source)
                return
            delayed = self._libobs.obs_data_get_bool(notes, DELAYED)
            if not delayed and not delay_ns:
                return
            own_ns = now_ns = self._libobs.obs_source_get_sync_offset(there)
            if delayed:
                before_ns = self._libobs.obs_data_get_int(notes, OWN_NS)
                own_ns = own_offset_ns(now_ns, before_ns, self._libobs.obs_data_get_int(notes, SET_NS))
            if delay_ns:  # noted first: what OBS saves in between can be put right
                self._libobs.obs_data_set_int(notes, OWN_NS, own_ns)
                self._libobs.obs_data_set_int(notes, SET_NS, own_ns + delay_ns)
                self._libobs.obs_data_set_bool(notes, DELAYED, True)
            if now_ns != own_ns + delay_ns:
                self._libobs.obs_source_set_sync_offset(there, own_ns + delay_ns)
            if not delay_ns:
                for name in (DELAYED, OWN_NS, SET_NS):
                    self._libobs.obs_data_erase(notes, name)

    @contextmanager
    def _noted(self, weak: int) -> Iterator[tuple[int | None, int | None]]:
        """(the source, its private settings), None where it is gone."""
        source = self._libobs.obs_weak_source_get_source(weak)
        if not source:
            yield None, None
            return
        notes = self._libobs.obs_source_get_private_settings(source)
        try:
            yield source, notes
        finally:
            self._libobs.obs_data_release(notes)
            self._libobs.obs_source_release(source)


def own_offset_ns(now_ns: int, own_ns: int, set_ns: int) -> int:
    """The user's own offset where `set_ns` was set and `now_ns` is found.

    Whoever turned it up or down a little saw the delay in it; a value that is less than the delay alone, and the own
    one, were given without it (typed, undone, or by another program).
    """
    if now_ns == own_ns or now_ns < set_ns - own_ns:
        return now_ns
    return own_ns + now_ns - set_ns


def next_hold_ns(now_ns: int, recent: list[Latency]) -> int:
    """The delay to use: what nearly every recent result needed, in whole steps; kept while nearly right."""
    if len(recent) < SAMPLES // 2:
        return now_ns or FIRST_HOLD_NS
    needed = sorted(row.finished_ns - row.captured_ns for row in recent)[int(len(recent) * 0.95)]
    hold_ns = min(-(-(needed + MARGIN_NS) // STEP_NS) * STEP_NS, MAX_HOLD_NS)
    return hold_ns if abs(hold_ns - now_ns) >= CHANGE_FROM_NS else now_ns
