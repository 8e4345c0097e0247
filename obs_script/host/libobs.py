# SPDX-License-Identifier: Apache-2.0
"""libobs, its scripting and its frontend API through ctypes: the functions this plugin calls, and nothing else.

Called from the plugin's supervisor thread and from OBS's UI thread in the script_* hooks. Invariants: the
libraries are CDLL, so the GIL is released during every call (a call that waits for a libobs lock while
holding the GIL can stop OBS for good); no function here takes a callback, for the same reason, but that of
audio_tap.py, which runs on a source's audio thread; every reference that a function returns is released by the
context managers below or where it was taken.

The libraries are those that OBS has loaded, see loaded_libraries.py.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mirage_lsd.obs_script.host.loaded_libraries import STEMS, open_library

LOG_ERROR, LOG_INFO = 100, 300
_POINTER, _TEXT, _NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_longlong

# name: (library, result, arguments)
_TABLE: dict[str, tuple[str, Any, tuple[Any, ...]]] = {
    "blog": ("obs", None, (ctypes.c_int, _TEXT)),
    "obs_get_source_by_name": ("obs", _POINTER, (_TEXT,)),
    "obs_source_get_filter_by_name": ("obs", _POINTER, (_POINTER, _TEXT)),
    "obs_source_release": ("obs", None, (_POINTER,)),
    "obs_source_get_weak_source": ("obs", _POINTER, (_POINTER,)),
    "obs_weak_source_get_source": ("obs", _POINTER, (_POINTER,)),
    "obs_weak_source_release": ("obs", None, (_POINTER,)),
    "obs_get_audio_info": ("obs", ctypes.c_bool, (_POINTER,)),
    "obs_source_add_audio_capture_callback": ("obs", None, (_POINTER, _POINTER, _POINTER)),
    "obs_source_remove_audio_capture_callback": ("obs", None, (_POINTER, _POINTER, _POINTER)),
    "audio_resampler_create": ("obs", _POINTER, (_POINTER, _POINTER)),
    "audio_resampler_destroy": ("obs", None, (_POINTER,)),
    "audio_resampler_resample": (
        "obs", ctypes.c_bool, (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, ctypes.c_uint32),
    ),
    "obs_source_get_base_width": ("obs", ctypes.c_uint32, (_POINTER,)),
    "obs_source_get_base_height": ("obs", ctypes.c_uint32, (_POINTER,)),
    "obs_source_get_settings": ("obs", _POINTER, (_POINTER,)),
    "obs_source_get_private_settings": ("obs", _POINTER, (_POINTER,)),
    "obs_source_enabled": ("obs", ctypes.c_bool, (_POINTER,)),
    "obs_source_get_sync_offset": ("obs", ctypes.c_int64, (_POINTER,)),
    "obs_source_set_sync_offset": ("obs", None, (_POINTER, ctypes.c_int64)),
    "obs_source_set_enabled": ("obs", None, (_POINTER, ctypes.c_bool)),
    "obs_get_video_info": ("obs", ctypes.c_bool, (_POINTER,)),
    "obs_source_update": ("obs", None, (_POINTER, _POINTER)),
    "obs_source_update_properties": ("obs", None, (_POINTER,)),
    "obs_data_create_from_json": ("obs", _POINTER, (_TEXT,)),
    "obs_data_release": ("obs", None, (_POINTER,)),
    "obs_data_set_int": ("obs", None, (_POINTER, _TEXT, _NUMBER)),
    "obs_data_set_bool": ("obs", None, (_POINTER, _TEXT, ctypes.c_bool)),
    "obs_data_get_int": ("obs", _NUMBER, (_POINTER, _TEXT)),
    "obs_data_get_string": ("obs", _TEXT, (_POINTER, _TEXT)),
    "obs_data_get_bool": ("obs", ctypes.c_bool, (_POINTER, _TEXT)),
    "obs_data_erase": ("obs", None, (_POINTER, _TEXT)),
    "obs_data_get_array": ("obs", _POINTER, (_POINTER, _TEXT)),
    "obs_data_array_release": ("obs", None, (_POINTER,)),
    "obs_source_get_name": ("obs", _TEXT, (_POINTER,)),
    "obs_hotkey_load": ("obs", None, (ctypes.c_size_t, _POINTER)),
    "obs_hotkey_set_description": ("obs", None, (ctypes.c_size_t, _TEXT)),
    "obs_get_signal_handler": ("obs", _POINTER, ()),
    "signal_handler_add": ("obs", ctypes.c_bool, (_POINTER, _TEXT)),
    "signal_handler_signal": ("obs", None, (_POINTER, _TEXT, _POINTER)),
    "config_get_string": ("obs", _TEXT, (_POINTER, _TEXT, _TEXT)),
    "obs_frontend_get_profile_config": ("frontend", _POINTER, ()),
    "obs_frontend_get_current_scene": ("frontend", _POINTER, ()),
    "obs_frontend_set_current_scene": ("frontend", None, (_POINTER,)),
    "obs_enter_graphics": ("obs", None, ()),
    "obs_leave_graphics": ("obs", None, ()),
    "gs_texrender_destroy": ("obs", None, (_POINTER,)),
    "gs_stagesurface_destroy": ("obs", None, (_POINTER,)),
    "gs_texture_destroy": ("obs", None, (_POINTER,)),
    "obs_script_create": ("scripting", _POINTER, (_TEXT, _POINTER)),
    "obs_script_destroy": ("scripting", None, (_POINTER,)),
    "obs_script_loaded": ("scripting", ctypes.c_bool, (_POINTER,)),
}


class LibObs:
    """The functions of _TABLE as attributes. Raises MirageError where this process is not OBS."""

    def __init__(self) -> None:
        libraries = {kind: open_library(kind) for kind in STEMS}
        for name, (library, result, arguments) in _TABLE.items():
            function = getattr(libraries[library], name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def log(self, text: str, level: int = LOG_INFO) -> None:
        """One line in OBS's log. `%` is doubled because blog() takes a format."""
        self.blog(level, ("[mirage-lsd] " + text).replace("%", "%%").encode())

    @contextmanager
    def source(self, name: str) -> Iterator[int | None]:
        """A public source by name, None if there is none; released afterwards."""
        source = self.obs_get_source_by_name(name.encode()) if name else None
        try:
            yield source
        finally:
            if source:
                self.obs_source_release(source)

    @contextmanager
    def filter_of(self, source_name: str, name: str) -> Iterator[tuple[int | None, int | None]]:
        """(a public source, its filter) by name, None where there is none; released afterwards."""
        with self.source(source_name) as source:
            filter_ = self.obs_source_get_filter_by_name(source, name.encode()) if source and name else None
            try:
                yield source, filter_
            finally:
                if filter_:
                    self.obs_source_release(filter_)

    @contextmanager
    def settings(self, source: int) -> Iterator[int]:
        """A source's settings, to read or change in place; released afterwards."""
        data = self.obs_source_get_settings(source)
        try:
            yield data
        finally:
            self.obs_data_release(data)

    def update(self, source: int, content: dict) -> None:
        """Change settings of a source, as its properties window does."""
        data = self.obs_data_create_from_json(json.dumps(content).encode())
        self.obs_source_update(source, data)
        self.obs_data_release(data)

    def scene_on_air(self) -> str:
        """The current scene's name, "" while there is none."""
        scene = self.obs_frontend_get_current_scene()
        if not scene:
            return ""
        name = self.obs_source_get_name(scene).decode("utf-8", "replace")
        self.obs_source_release(scene)
        return name

    def free_graphics(self, objects: list[tuple[int, int]]) -> None:
        """Free (kind, pointer) pairs, kinds as in draw.lua. Waits for the graphics thread's frame to end."""
        free = {1: self.gs_texrender_destroy, 2: self.gs_stagesurface_destroy, 3: self.gs_texture_destroy}
        self.obs_enter_graphics()
        try:
            for kind, pointer in objects:
                free[kind](pointer)
        finally:
            self.obs_leave_graphics()
