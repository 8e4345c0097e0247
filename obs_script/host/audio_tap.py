# SPDX-License-Identifier: Apache-2.0
"""Listens in on an OBS audio source: what it sounds like goes to an audio ring as 16 kHz mono.

attach() and detach() are called on the supervisor thread; OBS calls `_heard` on that source's own audio thread, with
the lock of its callbacks held. There it does two things: OBS's own resampler turns the block into 16 kHz mono int16,
and the ring takes a copy. Invariants: `_heard` never waits for anything but the GIL and never raises; nothing here
keeps a source alive (the reference is a weak one); the one C callback lives as long as this module, which a reload
leaves alone; a muted source is heard as silence.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.ring.audio_ring import RATE_HZ, AudioRing

FLOAT_PLANAR, INT16 = 8, 2  # enum audio_format
MONO = 1  # enum speaker_layout
MAX_PLANES = 8
SAMPLE_BYTES = 2


class AudioData(ctypes.Structure):
    """struct audio_data: planes of float32, 80 bytes in OBS 28 to 32."""

    _fields_ = [("data", ctypes.c_void_p * MAX_PLANES), ("frames", ctypes.c_uint32), ("timestamp", ctypes.c_uint64)]


class AudioInfo(ctypes.Structure):
    """struct obs_audio_info."""

    _fields_ = [("samples_per_s", ctypes.c_uint32), ("speakers", ctypes.c_int)]


class ResampleInfo(ctypes.Structure):
    """struct resample_info."""

    _fields_ = [("samples_per_s", ctypes.c_uint32), ("format", ctypes.c_int), ("speakers", ctypes.c_int)]


_taps: dict[int, AudioTap] = {}
"""Attached taps by the number that OBS hands to the callback."""


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_bool)
def _heard(param: int, source: int, data: int, muted: bool) -> None:
    tap = _taps.get(param or 0)
    if tap is not None:
        tap.take(AudioData.from_address(data), muted)


class AudioTap:
    """One source's sound into one ring. `problem`: why there is none, "" if all is well."""

    def __init__(self, libobs: LibObs, ring: AudioRing) -> None:
        self._libobs, self._ring = libobs, ring
        self._number = 0
        self._weak: Any = None
        self._resampler: Any = None
        self._out, self._out_frames = (ctypes.c_void_p * MAX_PLANES)(), ctypes.c_uint32()
        self._offset_ns = ctypes.c_uint64()
        self._using = threading.Lock()  # the resampler is freed only while no callback uses it
        self.name, self.problem, self.faults = "", "", 0

    @property
    def attached(self) -> bool:
        """True while the source it listens to exists."""
        source = self._libobs.obs_weak_source_get_source(self._weak) if self._weak else None
        if source:
            self._libobs.obs_source_release(source)
        return bool(source)

    def attach(self, name: str) -> bool:
        """Listen to the source of this name from now on; False, and `problem` set, if that is not possible now."""
        self.detach()
        self.problem = f"there is no audio source {name!r} in OBS now"
        with self._libobs.source(name) as source:
            if not source:
                return False
            info = AudioInfo()
            if not self._libobs.obs_get_audio_info(ctypes.byref(info)):
                self.problem = "OBS has no audio"
                return False
            wanted = ResampleInfo(RATE_HZ, INT16, MONO)
            given = ResampleInfo(info.samples_per_s, FLOAT_PLANAR, info.speakers)
            self._resampler = self._libobs.audio_resampler_create(ctypes.byref(wanted), ctypes.byref(given))
            if not self._resampler:
                self.problem = "OBS cannot turn this sound into 16 kHz"
                return False
            self._weak = self._libobs.obs_source_get_weak_source(source)
            self._number = max(_taps, default=0) + 1
            _taps[self._number] = self
            self._libobs.obs_source_add_audio_capture_callback(source, _heard, self._number)
        self.name, self.problem = name, ""
        return True

    def detach(self) -> None:
        """Listen no more. Idempotent; when it returns, no callback of this tap runs."""
        if not self._weak:
            return
        source = self._libobs.obs_weak_source_get_source(self._weak)
        if source:
            self._libobs.obs_source_remove_audio_capture_callback(source, _heard, self._number)
            self._libobs.obs_source_release(source)
        self._libobs.obs_weak_source_release(self._weak)
        _taps.pop(self._number, None)
        with self._using:
            self._libobs.audio_resampler_destroy(self._resampler)
            self._resampler = None
        self._weak, self._number, self.name = None, 0, ""

    def take(self, block: AudioData, muted: bool) -> None:
        """A block of the source's sound, on its audio thread. A fault costs the block and is counted."""
        if not self._using.acquire(blocking=False):
            return
        try:
            if self._resampler:
                self._pass_on(block, muted)
        except Exception:  # noqa: BLE001  the guard of OBS's audio thread: nothing may escape into C
            self.faults += 1
        finally:
            self._using.release()

    def _pass_on(self, block: AudioData, muted: bool) -> None:
        out, frames, offset = self._out, self._out_frames, self._offset_ns
        done = self._libobs.audio_resampler_resample(
            self._resampler, out, ctypes.byref(frames), ctypes.byref(offset), block.data, block.frames
        )
        if done and frames.value:
            size_bytes = frames.value * SAMPLE_BYTES
            self._ring.write(bytes(size_bytes) if muted else ctypes.string_at(out[0], size_bytes), now_ns())
