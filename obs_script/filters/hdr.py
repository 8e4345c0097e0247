# SPDX-License-Identifier: Apache-2.0
"""An HDR canvas: the filter leaves the picture, so that HDR passes untouched.

OBS takes what a script's filter draws for SDR, also where the filter only passes its source on, and flattens an HDR
source below it. A filter whose eye is closed is left out. So while the canvas is HDR, the eye of each filter that would
show its source is closed, and opened again afterwards.

Used by the supervisor thread about twice a second. Invariants: an eye that the user closed stays closed; what was
closed here is known from the filter's own settings (hdr_hidden), so also after a crash; a filter that shows the last
styled picture or nothing instead of its source stays.
"""

from __future__ import annotations

import ctypes
import time

from mirage_lsd.obs_script.filters.streams import FilterStream
from mirage_lsd.obs_script.host.control_block import SHOWS
from mirage_lsd.obs_script.host.libobs import LibObs

CHECK_EVERY_S = 0.5
HDR_COLOUR_SPACES = (4, 5)  # VIDEO_CS_2100_PQ, VIDEO_CS_2100_HLG
MARK = "hdr_hidden"


class VideoInfo(ctypes.Structure):
    """struct obs_video_info."""

    _fields_ = [
        ("graphics_module", ctypes.c_char_p),
        ("numbers", ctypes.c_uint32 * 6),
        ("output_format", ctypes.c_int),
        ("adapter", ctypes.c_uint32),
        ("gpu_conversion", ctypes.c_bool),
        ("colour_space", ctypes.c_int),
        ("range", ctypes.c_int),
        ("scale_type", ctypes.c_int),
    ]


class HdrCanvas:
    """Closes and opens the filters' eyes as the canvas asks for."""

    def __init__(self, libobs: LibObs) -> None:
        self._libobs, self._next = libobs, 0.0

    def step(self, streams: dict[int, FilterStream]) -> None:
        """Bring every filter's eye up to date."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + CHECK_EVERY_S
        hdr = self.canvas_is_hdr()
        for stream in streams.values():
            hide = hdr and stream.saved.raw.get("when_unstyled") == SHOWS[0]
            if hide or stream.saved.raw.get(MARK):
                self._set_hidden(stream, hide)

    def canvas_is_hdr(self) -> bool:
        """Whether OBS's canvas is an HDR one now."""
        info = VideoInfo()
        return self._libobs.obs_get_video_info(ctypes.byref(info)) and info.colour_space in HDR_COLOUR_SPACES

    def _set_hidden(self, stream: FilterStream, hide: bool) -> None:
        with self._libobs.filter_of(*stream.names) as (_, filter_):
            if not filter_:
                return
            if hide and not self._libobs.obs_source_enabled(filter_):
                return  # ours already, or the user's
            self._libobs.obs_source_set_enabled(filter_, not hide)
            with self._libobs.settings(filter_) as data:
                self._libobs.obs_data_set_bool(data, MARK.encode(), hide)
            stream.saved.raw[MARK] = hide
