# SPDX-License-Identifier: Apache-2.0
"""The control block: where the filter's Lua half and the plugin's Python half meet. This docstring is its layout.

One shared mapping per OBS, `control.bin` in the session folder. Written by Lua on OBS's threads and by the
plugin's supervisor thread; each word has exactly one writer, so nobody waits for anybody. Other processes of
the same user (tests, benchmarks, the demo) may open it to read. All words are u64 in native byte order.

header, 32768 bytes
       0  8s   magic "MIRAGECB"
       8  u32  layout_version = 4;  12 u32 slot_count = 16;  16 u64 slot bytes = 131072;  24 u64 total bytes
      64  Lua: restart_requests, next_instance (instances made so far), trash_head
     128  Python: trash_tail, worker_running (0 or 1)
    1024  Python, text: pictures, the folder of the presets' pictures, then the ids that have one, a line each
    2048  Lua: 128 entries of (kind, pointer): graphics objects of destroyed filters. Lua may not enter OBS's
          graphics in `destroy`, so the supervisor frees them and counts trash_tail up to trash_head
    4096  Python, text: presets, one a line: id TAB label
   16384  Python, text: devices, likewise
   20480  Python, text: choices, what each layer can be: layer TAB words TAB label
   28672  Python, text: presets_note, the user's preset file and what is wrong with it

slot i at 32768 + i * 131072, one stream each: a filter, or twins that share it (streams.lua)
       0  Lua: instance (0 = slot free; else a number never used before in this block), want_width_px,
          want_height_px, mapped_epoch, refused_epoch, frames_captured, frames_shown, results_torn,
          results_skipped (newer one was there), showing_styled (0 or 1), reason (REASONS, why there is no
          styled picture), last_render_ns, render_count, render_total_ns, render_max_ns (time in the render callback,
          once per OBS frame, without drawing the source itself when that is what is shown),
          fallbacks (changes from styled to what stands in), latency_head (entries written so far), tick, lua_errors,
          how often each button of the window was pressed (BUTTONS), shown_generation (of the last
          result that was put up), shows (SHOWS, what is on screen), source (address of the stream's oldest
          filter), apart (1 = the stream has twins with the same settings and another picture)
     512  Lua, texts: parent_name, filter_name, error; 4096 settings (a JSON object)
   28672  Python: epoch, generation (newest acknowledged by the worker; Lua shows no older result from then on),
          hold_ns (show a frame this long after its capture; 0 = at once), ready (1 = the worker serves this
          epoch), input_address, output_address (where the two rings of `epoch` are mapped in OBS's process),
          off (1 = show the source, whatever else), served (the instance that all words here are about; until
          it is the slot's they count as 0), settings_read (revision of the settings that `off` answers),
          look_written (revision of the look written into OBS's settings last), join (instance of the stream
          that this one's filters go over to; 0 = none)
   29184  Python, text: status
   32768  Lua: latency log, 1024 entries of 9 words, the fields of Latency; entry n (from 0) at n % 1024

A text is u64 revision (odd while it is being written), u64 length in bytes, then UTF-8.

Rings: Lua and Python are one process, so Python maps a ring and hands over its address. It writes the
addresses first, then `epoch`; Lua takes them in its next render and answers with mapped_epoch. Only then, or
when `instance` has changed, does Python unmap the former rings.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.ring.fence import new_fence
from mirage_lsd.shared.ring.mapping import Mapping, create_mapping, open_mapping

FILE_NAME = "control.bin"
MAGIC, LAYOUT_VERSION = b"MIRAGECB", 4
HEADER_BYTES, SLOT_BYTES, SLOT_COUNT = 32768, 131072, 16
TOTAL_BYTES = HEADER_BYTES + SLOT_COUNT * SLOT_BYTES
TRASH_OFFSET, TRASH_ENTRIES = 2048, 128
LATENCY_OFFSET, LATENCY_ENTRIES, LATENCY_ENTRY_BYTES = 32768, 1024, 72
TEXT_HEADER_BYTES = 16
BUTTONS = ("undo", "redo", "next", "previous", "random", "off", "clear", "open_presets")
_START = struct.Struct("=8sIIQQ")


def _words(first: int, *names: str) -> dict[str, int]:
    return {name: first + 8 * index for index, name in enumerate(names)}


HEADER_WORDS = {
    **_words(64, "restart_requests", "next_instance", "trash_head"),
    **_words(128, "trash_tail", "worker_running"),
}
HEADER_TEXTS = {
    "pictures": (1024, 1008),
    "presets": (4096, 12272),
    "devices": (16384, 4080),
    "choices": (20480, 8176),
    "presets_note": (28672, 4080),
}
SLOT_WORDS = {
    **_words(0, "instance", "want_width_px", "want_height_px", "mapped_epoch", "refused_epoch"),
    **_words(40, "frames_captured", "frames_shown", "results_torn", "results_skipped", "showing_styled"),
    **_words(80, "reason", "last_render_ns", "render_count", "render_total_ns", "render_max_ns"),
    **_words(120, "fallbacks", "latency_head", "tick", "lua_errors"),
    **_words(152, *(f"{name}_presses" for name in BUTTONS), "shown_generation", "shows", "source", "apart"),
    **_words(28672, "epoch", "generation", "hold_ns", "ready", "input_address", "output_address", "off"),
    **_words(28728, "served", "settings_read", "look_written", "join"),
}
SLOT_TEXTS = {
    "parent_name": (512, 496),
    "filter_name": (1024, 496),
    "error": (1536, 496),
    "settings": (4096, 24560),
    "status": (29184, 3568),
}
REASONS = (
    "none", "disabled", "no_size", "no_worker", "no_ring", "waiting", "stale", "settling", "script_error", "hdr",
)
SHOWS = ("source", "styled", "last", "nothing")


@dataclass(frozen=True)
class Latency:
    """The journey of one frame that was shown. *_ns on shared.clock; *_tick counts OBS frames of this filter.

    captured_ns: its render began. mapped_ns: pixels in the ring. received_ns, finished_ns: the worker's.
    generation: of the settings it was rendered under.
    """

    frame_id: int
    captured_ns: int
    mapped_ns: int
    received_ns: int
    finished_ns: int
    shown_ns: int
    captured_tick: int
    shown_tick: int
    generation: int


class Area:
    """Words and texts of the header or of one slot. For one thread at a time."""

    def __init__(self, view: memoryview, words: dict[str, int], texts: dict[str, tuple[int, int]]) -> None:
        self._bytes = view
        self._view = view.cast("Q")
        self._words, self._texts = words, texts
        self._fence = new_fence()

    def get(self, name: str) -> int:
        """A word by name."""
        return self._view[self._words[name] // 8]

    def put(self, name: str, value: int) -> None:
        """Write a word of which this side is the writer; everything written before it is seen before it."""
        self._fence()
        self._view[self._words[name] // 8] = value

    def text(self, name: str) -> str | None:
        """A text by name; None while its writer is busy with it (look again later)."""
        offset, capacity = self._texts[name]
        revision = self._view[offset // 8]
        if revision % 2:
            return None
        self._fence()
        size = min(self._view[offset // 8 + 1], capacity)
        raw = bytes(self._bytes[offset + TEXT_HEADER_BYTES : offset + TEXT_HEADER_BYTES + size])
        self._fence()
        return raw.decode("utf-8", "replace") if self._view[offset // 8] == revision else None

    def revision(self, name: str) -> int:
        """Changes whenever the text is rewritten."""
        return self._view[self._texts[name][0] // 8]

    def put_text(self, name: str, text: str) -> None:
        """Write a text; what does not fit is cut off at a character."""
        offset, capacity = self._texts[name]
        raw = text.encode()[:capacity].decode("utf-8", "ignore").encode()
        revision = self._view[offset // 8]
        self._view[offset // 8] = revision | 1
        self._fence()
        self._view[offset // 8 + 1] = len(raw)
        self._bytes[offset + TEXT_HEADER_BYTES : offset + TEXT_HEADER_BYTES + len(raw)] = raw
        self._fence()
        self._view[offset // 8] = (revision | 1) + 1

    def latencies(self, after: int = 0) -> tuple[int, list[Latency]]:
        """(entries ever written, the logged entries from number `after` on that are still there)."""
        head = self.get("latency_head")
        self._fence()
        first = max(after, head - LATENCY_ENTRIES + 1, 0)
        rows = [(number, self._latency(number)) for number in range(first, head)]
        self._fence()
        oldest_whole = self.get("latency_head") - LATENCY_ENTRIES + 1
        return head, [row for number, row in rows if number >= oldest_whole]

    def _latency(self, number: int) -> Latency:
        start = (LATENCY_OFFSET + number % LATENCY_ENTRIES * LATENCY_ENTRY_BYTES) // 8
        return Latency(*self._view[start : start + LATENCY_ENTRY_BYTES // 8])

    def release(self) -> None:
        self._view.release()
        self._bytes.release()


class ControlBlock:
    """The whole block: `header`, `slots`, and for its owner the address that Lua gets."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self.path = mapping.path
        whole = memoryview(mapping.memory)
        self.header = Area(whole[:HEADER_BYTES], HEADER_WORDS, HEADER_TEXTS)
        starts = range(HEADER_BYTES, TOTAL_BYTES, SLOT_BYTES)
        self.slots = [Area(whole[start : start + SLOT_BYTES], SLOT_WORDS, SLOT_TEXTS) for start in starts]
        whole.release()

    @classmethod
    def create(cls, path: str) -> ControlBlock:
        """Make a new, empty block. Raises MirageError when there is no room or the file exists."""
        mapping = create_mapping(path, TOTAL_BYTES)
        start = _START.pack(MAGIC, LAYOUT_VERSION, SLOT_COUNT, SLOT_BYTES, TOTAL_BYTES)
        mapping.memory[: len(start)] = start
        return cls(mapping)

    @classmethod
    def open(cls, path: str) -> ControlBlock:
        """Open another process's block for reading. Raises MirageError when it is none of ours."""
        mapping = open_mapping(path, writable=False)
        start = _START.unpack_from(mapping.memory) if mapping.size_bytes == TOTAL_BYTES else ()
        if start != (MAGIC, LAYOUT_VERSION, SLOT_COUNT, SLOT_BYTES, TOTAL_BYTES):
            mapping.close()
            raise MirageError(f"{path} is not a control block of this release", "not_a_control_block")
        return cls(mapping)

    @property
    def address(self) -> int:
        """Where it is mapped in this process; valid until close()."""
        return self._mapping.address

    def used(self) -> Iterator[tuple[int, Area]]:
        """(number, slot) of every stream that exists now."""
        return ((number, slot) for number, slot in enumerate(self.slots) if slot.get("instance"))

    def trash(self) -> list[tuple[int, int]]:
        """(kind, pointer) of graphics objects to free; call trash_done() after freeing them."""
        head, tail = self.header.get("trash_head"), self.header.get("trash_tail")
        base = TRASH_OFFSET // 8
        words = self.header._view
        places = [base + number % TRASH_ENTRIES * 2 for number in range(tail, head)]
        return [(words[place], words[place + 1]) for place in places]

    def trash_done(self, count: int) -> None:
        self.header.put("trash_tail", self.header.get("trash_tail") + count)

    def close(self) -> None:
        """Unmap; only after the Lua half is gone."""
        for area in (self.header, *self.slots):
            area.release()
        self._mapping.close()
