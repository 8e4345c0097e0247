# SPDX-License-Identifier: Apache-2.0
"""Finds libobs, its scripting and its frontend API among the files that this process has loaded.

Called by libobs.py on OBS's UI thread, once for each load of the script. The file names differ by system, release
and builder (libobs-scripting.so.0, .1, .30; obs-scripting.dylib), so what is loaded decides, whatever its number;
names are tried only where nothing is. Invariant: no second copy of a library is loaded while OBS has one, also when
an upgrade of OBS has put another file in its place: then the loader is asked for what it has, and for nothing else.

Run on Linux. The lists of Windows and macOS are tested with stand-ins of those systems' functions.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

from mirage_lsd.shared.errors import MirageError

STEMS = {"obs": "obs", "scripting": "obs-scripting", "frontend": "obs-frontend-api"}
DELETED = " (deleted)"
_FILE_NAMES = {
    "linux": r"lib{0}\.so(\.\d+)*( \(deleted\))?",
    "win32": r"{0}\.dll",
    "darwin": r"lib{0}|(lib)?{0}(\.\d+)*\.dylib",  # libobs itself is in libobs.framework, without an ending
}
_FRAMEWORKS = "@executable_path/../Frameworks/"
_SONAME_NUMBERS = 60  # Debian counts from 0, OBS's own builds have the release
_ONLY_IF_LOADED = getattr(os, "RTLD_NOLOAD", 0)
_MAX_MODULES, _MAX_PATH_CHARACTERS = 4096, 32768


def open_library(kind: str, images: Iterable[str] | None = None, system: str = sys.platform) -> ctypes.CDLL:
    """The library of a kind in STEMS, as OBS has loaded it. Raises MirageError (not_in_obs, obs_replaced)."""
    loaded = find_loaded(kind, loaded_files(system) if images is None else images, system)
    names, problems = fallback_names(kind, system), []
    usable = loaded if len(loaded) == 1 and not loaded[0].endswith(DELETED) else []
    for name in usable + names:
        try:
            return ctypes.CDLL(name, mode=_ONLY_IF_LOADED if loaded else ctypes.DEFAULT_MODE)
        except OSError as error:
            problems.append(str(error))
    if loaded:
        raise MirageError(f"OBS was replaced while it runs ({', '.join(loaded)}): restart OBS", "obs_replaced")
    looked_for = " to ".join(dict.fromkeys((names[0], names[-1])))
    broken = "".join(f"; {problem}" for problem in problems if "no such file" not in problem.lower())
    raise MirageError(
        f"{STEMS[kind]} is not loaded in this process and not found by name ({looked_for}{broken}): "
        "is this script running in OBS?",
        "not_in_obs",
    )


def find_loaded(kind: str, images: Iterable[str], system: str = sys.platform) -> list[str]:
    """Which of the loaded files are the library of a kind; " (deleted)" stays on."""
    pattern = _FILE_NAMES.get(system, _FILE_NAMES["linux"]).format(re.escape(STEMS[kind]))
    wanted = re.compile(pattern, re.IGNORECASE if system == "win32" else 0)
    return [path for path in dict.fromkeys(images) if wanted.fullmatch(re.split(r"[\\/]", path)[-1])]


def fallback_names(kind: str, system: str = sys.platform) -> list[str]:
    """Names for the system's loader, most likely first."""
    stem = STEMS[kind]
    if system == "win32":
        return [f"{stem}.dll"]
    if system == "darwin":
        return [f"{_FRAMEWORKS}lib{stem}.framework/lib{stem}", f"{_FRAMEWORKS}{stem}.dylib",
                f"{_FRAMEWORKS}lib{stem}.dylib"]
    return [f"lib{stem}.so", *(f"lib{stem}.so.{number}" for number in range(_SONAME_NUMBERS))]


def loaded_files(system: str = sys.platform) -> list[str]:
    """Paths of all libraries that this process has loaded."""
    if system == "win32":
        return windows_modules(ctypes.WinDLL("kernel32"))
    if system == "darwin":
        return macos_images(ctypes.CDLL(None))
    try:
        with open("/proc/self/maps", "rb") as maps:
            return mapped_files(maps.read())
    except OSError:
        return []


def mapped_files(maps: bytes) -> list[str]:
    """The files in the text of /proc/self/maps, each once."""
    fields = (line.split(maxsplit=5) for line in maps.split(b"\n"))
    return list(dict.fromkeys(os.fsdecode(row[5]) for row in fields if len(row) == 6 and row[5].startswith(b"/")))


def macos_images(dyld: Any) -> list[str]:
    """dyld's list of images. One that is unloaded meanwhile has no name."""
    dyld._dyld_image_count.restype, dyld._dyld_image_count.argtypes = ctypes.c_uint32, ()
    dyld._dyld_get_image_name.restype, dyld._dyld_get_image_name.argtypes = ctypes.c_char_p, (ctypes.c_uint32,)
    names = [dyld._dyld_get_image_name(index) for index in range(dyld._dyld_image_count())]
    return [os.fsdecode(name) for name in names if name]


def windows_modules(kernel32: Any) -> list[str]:
    """EnumProcessModules of this process. A module that is unloaded meanwhile has no path."""
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    kernel32.GetCurrentProcess.restype, kernel32.GetCurrentProcess.argtypes = pointer, ()
    kernel32.K32EnumProcessModules.argtypes = (pointer, pointer, number, pointer)
    kernel32.GetModuleFileNameW.argtypes = (pointer, pointer, number)
    modules, needed_bytes = (pointer * _MAX_MODULES)(), ctypes.c_uint32()
    size_bytes = ctypes.sizeof(modules)
    process = kernel32.GetCurrentProcess()
    if not kernel32.K32EnumProcessModules(process, modules, size_bytes, ctypes.byref(needed_bytes)):
        return []
    path, paths = ctypes.create_unicode_buffer(_MAX_PATH_CHARACTERS), []
    for module in modules[: min(needed_bytes.value, size_bytes) // ctypes.sizeof(pointer)]:
        if kernel32.GetModuleFileNameW(module, path, len(path)):
            paths.append(path.value)
    return paths
