# SPDX-License-Identifier: Apache-2.0
"""Stands in for OBS's Scripts window: loads mirage_lsd_obs.py and reloads it when a test asks.

A test writes a number into $RELOADER_FOLDER/wanted; this reloads that many times in all, each on OBS's UI thread
as the window's button does, and writes how often it has into $RELOADER_FOLDER/done. All libobs calls go through
CDLL, so the GIL is free.
"""

import ctypes
import os
import threading
import time

import loaded
import obspython as obs

FOLDER, SCRIPT = os.environ["RELOADER_FOLDER"], os.environ["RELOADER_SCRIPT"]
UI_THREAD = 0
_scripting, _libobs = loaded.library("obs-scripting"), loaded.library("obs")
_scripting.obs_script_create.restype = ctypes.c_void_p
_scripting.obs_script_create.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
_scripting.obs_script_destroy.argtypes = [ctypes.c_void_p]
_libobs.obs_queue_task.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_bool]
_reload = ctypes.cast(_scripting.obs_script_reload, ctypes.c_void_p)
_stop = threading.Event()
_script = None


def _wanted():
    try:
        with open(os.path.join(FOLDER, "wanted"), encoding="ascii") as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def _follow():
    done = 0
    while not _stop.is_set():
        if _wanted() > done:
            _libobs.obs_queue_task(UI_THREAD, _reload, _script, True)
            done += 1
            with open(os.path.join(FOLDER, "done"), "w", encoding="ascii") as file:
                file.write(str(done))
        time.sleep(0.02)


def _on_event(event):
    if event == obs.OBS_FRONTEND_EVENT_SCRIPTING_SHUTDOWN:
        _stop.set()


def script_load(settings):
    global _script
    obs.obs_frontend_add_event_callback(_on_event)  # first: a nested load leaves OBS without a current script
    _script = _scripting.obs_script_create(SCRIPT.encode(), None)
    threading.Thread(target=_follow, daemon=True).start()


def script_unload():
    _stop.set()
    _scripting.obs_script_destroy(_script)
