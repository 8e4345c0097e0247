# SPDX-License-Identifier: Apache-2.0
"""The status line of each filter: what is on screen, and if it is the source, why.

Used by the supervisor thread about once a second. Invariant: the text says "styled" only when the render half
did show a styled picture in its last frame, and every figure in it was measured in this run.
"""

from __future__ import annotations

import time

from mirage_lsd.obs_script.filters.streams import FilterStream
from mirage_lsd.obs_script.host.control_block import REASONS, SHOWS
from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.processes.worker_process import GIVEN_UP, RUNNING, STARTING, WAITING, WorkerProcess
from mirage_lsd.shared.clock import now_ns

EVERY_S = 1.0
NS_PER_MS, NS_PER_S = 1e6, 1e9
NOT_DRAWN_NS = 2 * 10**9
RECENT = 60
HDR_CANVAS = "an HDR canvas is not styled; choose an SDR colour space in Settings, Advanced"
_STAND_INS = {"source": "Showing the source", "last": "Showing the last styled picture", "nothing": "Showing nothing"}
NO_PICTURE = "its source has no picture (0x0): a camera that is missing or in use elsewhere, a file that is not there"


class StatusBoard:
    """Writes the status texts and asks OBS to show them anew when the kind of status changes."""

    def __init__(self, libobs: LibObs) -> None:
        self._libobs = libobs
        self._next = 0.0
        self._kinds: dict[int, str] = {}
        self._shown: dict[int, tuple[float, int, float]] = {}

    def step(
        self,
        streams: dict[int, FilterStream],
        worker: WorkerProcess | None,
        unusable: str,
        remarks: list[str],
    ) -> None:
        """`unusable`: why there can be no worker at all, or empty. `remarks`: more lines for every filter."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        for known in (self._kinds, self._shown):
            for instance in [gone for gone in known if gone not in streams]:
                del known[instance]
        for stream in streams.values():
            self._write(stream, worker, unusable, remarks)

    def _write(self, stream: FilterStream, worker: WorkerProcess | None, unusable: str, remarks: list[str]) -> None:
        styled = bool(stream.slot.get("showing_styled")) and not _not_drawn(stream)
        text = self._styled(stream) if styled else f"{_shown(stream)}: {self._why(stream, worker, unusable)}"
        state = stream.link.state
        if styled and state is not None and state.state == "running" and state.text != "running":
            text += f"\n{state.text}"
        if styled and stream.problem:
            text += f"\nNot applied: {stream.problem}"
        kind = "\n".join(["styled" if styled else text, *remarks])
        text = "\n".join([text, *remarks])
        if stream.slot.text("status") != text:
            stream.slot.put_text("status", text)
        if self._kinds.get(stream.instance) != kind:
            self._kinds[stream.instance] = kind
            self._libobs.log(f"{stream.names[0] or 'new filter'}: {text}")
            refresh_window(self._libobs, stream)

    def _why(self, stream: FilterStream, worker: WorkerProcess | None, unusable: str) -> str:
        reason = REASONS[min(stream.slot.get("reason"), len(REASONS) - 1)]
        if reason == "script_error":
            return f"the filter met an error: {stream.slot.text('error')}"
        if not stream.settings.enabled:
            return "switched off"
        if unusable:
            return unusable
        if reason == "hdr" or stream.saved.raw.get("hdr_hidden"):
            return HDR_CANVAS
        if worker.state != RUNNING:
            return _worker_text(worker)
        if worker.silent:
            return "the worker does not answer; it will be restarted"
        if stream.problem:
            return stream.problem
        if _not_drawn(stream):
            return self._why_not_drawn(stream)
        return NO_PICTURE if reason == "no_size" else _why_late(stream, worker, reason)

    def _why_not_drawn(self, stream: FilterStream) -> str:
        """OBS does not ask the filter for a picture: its source has none, its eye is shut, or nobody sees it."""
        libobs = self._libobs
        with libobs.filter_of(*stream.names) as (parent, filter_):
            if filter_ and not libobs.obs_source_enabled(filter_):
                return "the eye beside the filter in OBS's list is shut"
            if parent and 0 in (libobs.obs_source_get_base_width(parent), libobs.obs_source_get_base_height(parent)):
                return NO_PICTURE
        return "it is not in the picture just now"

    def _styled(self, stream: FilterStream) -> str:
        fps = self._fps(stream)
        recent = sorted(row.shown_ns - row.captured_ns for row in stream.slot.latencies()[1][-RECENT:])
        parts = [f"Styled: {fps:.1f} fps"]
        if recent:
            p50, p95 = recent[len(recent) // 2], recent[int(len(recent) * 0.95)]
            parts.append(f"{p50 / NS_PER_MS:.0f} ms from capture to screen (p95 {p95 / NS_PER_MS:.0f} ms)")
        parts.append(f"{dropped(stream)} dropped")
        if stream.link.stats is not None:
            parts.append(f"on {stream.link.stats.device.upper()}")
        if stream.slot.get("hold_ns"):
            parts.append(f"sound delayed {stream.slot.get('hold_ns') / NS_PER_MS:.0f} ms")
        return ", ".join(parts)

    def _fps(self, stream: FilterStream) -> float:
        shown, now = stream.slot.get("frames_shown"), time.monotonic()
        since, before, last_fps = self._shown.get(stream.instance, (now, shown, 0.0))
        fps = (shown - before) / (now - since) if now > since else last_fps
        self._shown[stream.instance] = (now, shown, fps)
        return fps


def refresh_window(libobs: LibObs, stream: FilterStream) -> None:
    """Rebuild the filter's properties window if it is open; it loses its focus, so only when it shows old things."""
    with libobs.filter_of(*stream.names) as (_, filter_):
        if filter_:
            libobs.obs_source_update_properties(filter_)


def dropped(stream: FilterStream) -> int:
    """Frames the worker skipped and results that a newer one overtook."""
    in_worker = stream.link.stats.dropped if stream.link.stats is not None else 0
    return in_worker + stream.slot.get("results_skipped")


def overall(streams: dict[int, FilterStream], worker: WorkerProcess | None, unusable: str, presets: str) -> str:
    """One line for the script's own properties."""
    if unusable:
        return unusable
    text = f"Worker: {worker.state}" + (f" (process {worker.pid})" if worker.pid else "")
    if worker.problem:
        text += f"; last problem: {worker.problem}"
    text = f"{text}. Filters: {len(streams)}"
    return f"{text}. Presets: {presets}" if presets else text


def _not_drawn(stream: FilterStream) -> bool:
    return now_ns() - stream.slot.get("last_render_ns") > NOT_DRAWN_NS


def _shown(stream: FilterStream) -> str:
    """What was on screen when the filter was last drawn."""
    shows = SHOWS[min(stream.slot.get("shows"), len(SHOWS) - 1)]
    return _STAND_INS.get(shows, "Not on screen") if stream.slot.get("render_count") else "Not shown yet"


def _why_late(stream: FilterStream, worker: WorkerProcess, reason: str) -> str:
    """Why a filter that is drawn, and whose worker runs, has nothing to show."""
    state = stream.link.state
    if state is not None and state.state != "running" and state.text:
        return state.text
    if worker.ready is None and stream.settings.pipeline != "passthrough":
        return "the model is being loaded"
    if reason == "stale":
        return "processed frames come too late to be shown; choose a smaller working size or fewer steps"
    return "waiting for steady frames"


def _worker_text(worker: WorkerProcess) -> str:
    if worker.state == GIVEN_UP:
        return f"the worker failed repeatedly, press Restart worker ({worker.problem})"
    if worker.state == WAITING:
        return f"the worker is being restarted ({worker.problem})"
    return "the worker is starting" if worker.state == STARTING else "the worker is not running"
