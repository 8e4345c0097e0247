# SPDX-License-Identifier: Apache-2.0
"""Says in OBS's log which libraries Mirage LSD found, and whether they are the ones OBS itself calls.

Loaded into a test's OBS after Mirage LSD, whose packages it uses.
"""

import ctypes
import json

import obspython as obs


class _Symbol(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("file", "base", "name", "address")]


def _base(address):
    """Where the library that holds an address begins."""
    symbol = _Symbol()
    ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), ctypes.byref(symbol))
    return symbol.base


def _address(library, name):
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def script_load(settings):
    from mirage_lsd.obs_script.host.loaded_libraries import STEMS, find_loaded, loaded_files, open_library

    libraries = {kind: open_library(kind) for kind in STEMS}
    whole = ctypes.CDLL(None)  # what the executable is linked to, and what the Lua half's ffi.C sees
    content = {
        "found": {kind: find_loaded(kind, loaded_files()) for kind in STEMS},
        "obs_is_obs's": _address(libraries["obs"], "obs_get_version") == _address(whole, "obs_get_version"),
        "frontend_is_obs's": _base(_address(libraries["frontend"], "obs_frontend_get_current_scene"))
        == _base(_address(whole, "obs_frontend_get_current_scene")),
        "can_script": bool(_address(libraries["scripting"], "obs_script_create")),
    }
    obs.script_log(obs.LOG_INFO, "libraries: " + json.dumps(content))
