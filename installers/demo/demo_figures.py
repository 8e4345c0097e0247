# SPDX-License-Identifier: Apache-2.0
"""What the demo measures: read from the filter's control block and from OBS's own counters.

Called by demo.py a few times a second while the filter runs; reading disturbs neither OBS nor the worker. A
latency is the time from the beginning of the render that captured a frame to the one that showed its result.
"""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mirage_lsd.obs_script.host.control_block import FILE_NAME, ControlBlock

STEADY_FRAMES = 45
LOADED = re.compile(r" (\S+) on (\S+), \S+, \d+x\d+: loaded in ")  # worker/hosts/engine_host.py


@dataclass(frozen=True)
class Figures:
    """The demo's result; also its JSON, key for key."""

    fps: float
    latency_ms_p50: float
    latency_ms_p95: float
    latency_ms_p99: float
    frames_processed: int
    frames_dropped: int
    obs_lagged_frames: int
    recording: str
    contact_sheet: str
    device: str
    model: str

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def control_block_of(pid: int) -> Path | None:
    """The control block that a running OBS has mapped; None before our script has made it."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    found = re.search(rf"(/\S+/{re.escape(FILE_NAME)})$", maps, re.MULTILINE)
    return Path(found[1]) if found else None


class Meter:
    """Follows the one filter of a running OBS. Keep it open: OBS removes the block when it ends."""

    def __init__(self, control_block: Path) -> None:
        self._session = control_block.parent
        self._block = ControlBlock.open(str(control_block))
        self._latencies_ms: list[float] = []
        self.begin()

    def close(self) -> None:
        self._block.close()

    def slot(self):
        """The filter's area of the block; None while OBS has not made the filter yet."""
        return next((slot for _, slot in self._block.used()), None)

    @property
    def styled(self) -> bool:
        """Is the processed picture what the filter shows now?"""
        slot = self.slot()
        return slot is not None and slot.get("showing_styled") == 1

    @property
    def steady(self) -> bool:
        """Has the processed picture been there for some seconds? The first frames of a run are slow."""
        slot = self.slot()
        return self.styled and slot.get("frames_shown") >= STEADY_FRAMES

    @property
    def status(self) -> str:
        """The filter's status line, as its window in OBS shows it."""
        slot = self.slot()
        return (slot and slot.text("status")) or "starting"

    def model_and_device(self) -> tuple[str, str]:
        """What the newest worker says it loaded, and where it runs; empty before."""
        for log in sorted(self._session.glob("worker-*.log"), reverse=True):
            if found := LOADED.search(log.read_text(encoding="utf-8", errors="replace")):
                return found[1], found[2]
        return "", ""

    def begin(self) -> None:
        """Start measuring from now."""
        slot = self.slot()
        self._began_s = time.monotonic()
        self._seen = slot.get("latency_head") if slot else 0
        self._captured_before = slot.get("frames_captured") if slot else 0
        self._shown_before = self._seen
        self._latencies_ms.clear()

    def poll(self) -> None:
        """Collect what was shown since the last call; call it at least every 30 s."""
        slot = self.slot()
        if slot is None:
            return
        self._seen, rows = slot.latencies(self._seen)
        self._latencies_ms += [(row.shown_ns - row.captured_ns) / 1e6 for row in rows]

    @property
    def fps(self) -> float:
        """Processed frames shown a second, since begin()."""
        return (self._seen - self._shown_before) / max(1e-6, time.monotonic() - self._began_s)

    def latency_ms(self, percent: int) -> float:
        """A percentile of the captured-to-shown latency; nan when nothing was shown."""
        if len(self._latencies_ms) < 2:
            return self._latencies_ms[0] if self._latencies_ms else float("nan")
        return statistics.quantiles(self._latencies_ms, n=100, method="inclusive")[percent - 1]

    def counts(self) -> tuple[int, int]:
        """(frames processed and shown, frames captured and never shown) since begin()."""
        slot = self.slot()
        captured = slot.get("frames_captured") - self._captured_before if slot else 0
        shown = self._seen - self._shown_before
        return shown, max(0, captured - shown)
