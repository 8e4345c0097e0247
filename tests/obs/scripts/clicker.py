# SPDX-License-Identifier: Apache-2.0
"""Stands in for a filter's open properties window: lists its properties and presses a button when a test asks.

A test writes {"source", "filter", "button"} into $CLICKER_FOLDER/wanted.json; this writes the names, in order,
those that are shown, and the status text into done.json. All libobs calls go through CDLL, on a thread of this script.
"""

import ctypes
import json
import os
import threading
import time

import loaded
import obspython as obs

FOLDER = os.environ["CLICKER_FOLDER"]
LISTS = ("preset", "outfit", "hair", "scene", "light")
_stop = threading.Event()
_libobs = loaded.library("obs")
_POINTER, _TEXT = ctypes.c_void_p, ctypes.c_char_p
for _name, _result, _arguments in (
    ("obs_get_source_by_name", _POINTER, (_TEXT,)),
    ("obs_source_get_filter_by_name", _POINTER, (_POINTER, _TEXT)),
    ("obs_source_properties", _POINTER, (_POINTER,)),
    ("obs_properties_get", _POINTER, (_POINTER, _TEXT)),
    ("obs_properties_first", _POINTER, (_POINTER,)),
    ("obs_property_next", ctypes.c_bool, (ctypes.POINTER(_POINTER),)),
    ("obs_property_name", _TEXT, (_POINTER,)),
    ("obs_property_visible", ctypes.c_bool, (_POINTER,)),
    ("obs_property_description", _TEXT, (_POINTER,)),
    ("obs_property_button_clicked", ctypes.c_bool, (_POINTER, _POINTER)),
    ("obs_property_list_item_count", ctypes.c_size_t, (_POINTER,)),
    ("obs_property_list_item_string", _TEXT, (_POINTER, ctypes.c_size_t)),
    ("obs_properties_apply_settings", None, (_POINTER, _POINTER)),
    ("obs_properties_destroy", None, (_POINTER,)),
    ("obs_source_get_settings", _POINTER, (_POINTER,)),
    ("obs_data_release", None, (_POINTER,)),
    ("obs_source_release", None, (_POINTER,)),
):
    _function = getattr(_libobs, _name)
    _function.restype, _function.argtypes = _result, _arguments


def _names(properties):
    names, one = [], _POINTER(_libobs.obs_properties_first(properties))
    while one:
        names.append(_libobs.obs_property_name(one).decode())
        if not _libobs.obs_property_next(ctypes.byref(one)):
            break
    return names


def _items(one):
    count = _libobs.obs_property_list_item_count(one)
    return [_libobs.obs_property_list_item_string(one, index).decode() for index in range(count)]


def _click(wanted):
    parent = _libobs.obs_get_source_by_name(wanted["source"].encode())
    found = _libobs.obs_source_get_filter_by_name(parent, wanted["filter"].encode())
    properties = _libobs.obs_source_properties(found)
    settings = _libobs.obs_source_get_settings(found)
    _libobs.obs_properties_apply_settings(properties, settings)  # as OBS's window does: it calls what follows a change
    _libobs.obs_data_release(settings)
    status = _libobs.obs_property_description(_libobs.obs_properties_get(properties, b"status")).decode()
    names = _names(properties)
    shown = [name for name in names
             if _libobs.obs_property_visible(_libobs.obs_properties_get(properties, name.encode()))]
    there = [name for name in LISTS if name in names]
    lists = {name: _items(_libobs.obs_properties_get(properties, name.encode())) for name in there}
    if wanted["button"]:
        _libobs.obs_property_button_clicked(_libobs.obs_properties_get(properties, wanted["button"].encode()), found)
    _libobs.obs_properties_destroy(properties)
    _libobs.obs_source_release(found)
    _libobs.obs_source_release(parent)
    return {"names": names, "shown": shown, "status": status, "lists": lists}


def _follow():
    wanted, done = os.path.join(FOLDER, "wanted.json"), os.path.join(FOLDER, "done.json")
    while not _stop.is_set():
        if os.path.exists(wanted):
            with open(wanted, encoding="utf-8") as file:
                answer = _click(json.load(file))
            os.remove(wanted)
            with open(done + ".new", "w", encoding="utf-8") as file:
                json.dump(answer, file)
            os.replace(done + ".new", done)
        time.sleep(0.02)


def _on_event(event):
    if event == obs.OBS_FRONTEND_EVENT_SCRIPTING_SHUTDOWN:
        _stop.set()


def script_load(settings):
    obs.obs_frontend_add_event_callback(_on_event)
    threading.Thread(target=_follow, daemon=True).start()


def script_unload():
    _stop.set()
