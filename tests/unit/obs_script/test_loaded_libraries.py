# SPDX-License-Identifier: Apache-2.0
"""Finding OBS's libraries among what a process has loaded: lists as each system gives them, and the real loader."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mirage_lsd.obs_script.host.loaded_libraries import (
    STEMS,
    find_loaded,
    loaded_files,
    macos_images,
    mapped_files,
    open_library,
    windows_modules,
)
from mirage_lsd.shared.errors import MirageError

MAPS = """\
55d0c8a00000-55d0c8a50000 r--p 00000000 fe:00 1201   {folder}/bin/obs
7f1c58000000-7f1c58021000 rw-p 00000000 00:00 0
7f1c60000000-7f1c60100000 r--p 00000000 fe:00 1309   {folder}/share/obs/libobs/libobs.so folder/default.effect
7f1c6a000000-7f1c6a003000 r--p 00000000 fe:00 1301   {folder}/lib/libobs-opengl.so.{opengl}
7f1c6b000000-7f1c6b003000 r--p 00000000 fe:00 1302   {folder}/lib/libobs-frontend-api.so.{frontend}
7f1c6b003000-7f1c6b006000 r-xp 00003000 fe:00 1302   {folder}/lib/libobs-frontend-api.so.{frontend}
7f1c6c000000-7f1c6c003000 r--p 00000000 fe:00 1303   {folder}/lib/libobsglad.so.29
7f1c6d000000-7f1c6d003000 r--p 00000000 fe:00 1304   {folder}/lib/obs-scripting/_obspython.so
7f1c6e000000-7f1c6e003000 r--p 00000000 fe:00 1305   {folder}/lib/libobs-scripting.so{scripting}
7f1c6f000000-7f1c6f080000 r--p 00000000 fe:00 1306   {folder}/lib/libobs.so.{obs}
7f1c6f080000-7f1c6f090000 rw-s 00000000 00:17 1400   /dev/shm/mirage-lsd-0/0a1b/control.bin (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0      [stack]
"""
LINUX = {  # builder and release: (the folder, the libraries' numbers)
    "Debian 12, OBS 29.0.2": ("/usr", {"obs": "29", "scripting": ".29", "frontend": "29", "opengl": "29"}),
    "Debian 13, OBS 30.2.3": ("/usr", {"obs": "30", "scripting": ".1", "frontend": "30", "opengl": "30"}),
    "Debian sid, OBS 32.2.2": ("/usr", {"obs": "0", "scripting": ".0", "frontend": "0", "opengl": "1"}),
    "upstream's package": ("/opt/my obs", {"obs": "30", "scripting": ".30", "frontend": "30", "opengl": "30"}),
    "built without a number": ("/usr/local", {"obs": "0", "scripting": "", "frontend": "0.1.2", "opengl": "0"}),
    "in Flatpak": ("/app", {"obs": "33", "scripting": ".33", "frontend": "33", "opengl": "33"}),
}
APP = "/Applications/OBS.app/Contents/"
MACOS = [
    APP + "MacOS/OBS",
    "/Applications/old/obs.app/Contents/MacOS/obs",
    "/usr/lib/libobjc.A.dylib",
    APP + "Frameworks/libobs-opengl.dylib",
    APP + "Frameworks/obs-frontend-api.dylib",
    APP + "PlugIns/frontend-tools.plugin/Contents/MacOS/frontend-tools",
    APP + "Frameworks/libobs.framework/Versions/A/libobs",
    APP + "PlugIns/_obspython.so",
    APP + "Frameworks/obs-scripting.dylib",
]
WINDOWS = [
    r"C:\Program Files\obs-studio\bin\64bit\obs64.exe",
    r"C:\WINDOWS\SYSTEM32\ntdll.dll",
    r"C:\Program Files\obs-studio\bin\64bit\OBS.dll",
    r"C:\Program Files\obs-studio\bin\64bit\libobs-d3d11.dll",
    r"C:\Program Files\obs-studio\bin\64bit\libobs-winrt.dll",
    r"C:\Program Files\obs-studio\bin\64bit\obs-frontend-api.dll",
    r"C:\Program Files\obs-studio\obs-plugins\64bit\frontend-tools.dll",
    r"C:\Program Files\obs-studio\bin\64bit\obs-scripting.dll",
    r"C:\Program Files\obs-studio\data\obs-scripting\64bit\_obspython.pyd",
    r"D:\Bücher\obs-scripting.dll.exe",
]


@pytest.mark.parametrize("builder", LINUX)
def test_linux_libraries_are_found_whatever_their_number(builder):
    folder, numbers = LINUX[builder]
    files = mapped_files(MAPS.format(folder=folder, **numbers).encode())
    assert [find_loaded(kind, files, "linux") for kind in ("obs", "scripting", "frontend")] == [
        [f"{folder}/lib/libobs.so.{numbers['obs']}"],
        [f"{folder}/lib/libobs-scripting.so{numbers['scripting']}"],
        [f"{folder}/lib/libobs-frontend-api.so.{numbers['frontend']}"],
    ]


def test_a_replaced_file_keeps_its_mark():
    files = mapped_files(b"7f1c6f000000-7f1c6f080000 r--p 00000000 fe:00 1306  /usr/lib/libobs.so.29 (deleted)\n")
    assert find_loaded("obs", files, "linux") == ["/usr/lib/libobs.so.29 (deleted)"]


class Dyld:
    """dyld's two functions over a list; None where an image went away meanwhile."""

    def __init__(self, images: list[str | None]) -> None:
        self._dyld_image_count = ctypes.CFUNCTYPE(ctypes.c_uint32)(lambda: len(images))
        texts = [None if name is None else ctypes.create_string_buffer(name.encode()) for name in images]
        as_given = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)
        self._made = as_given(lambda index: texts[index] and ctypes.addressof(texts[index]))
        address = ctypes.cast(self._made, ctypes.c_void_p).value
        self._dyld_get_image_name = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_uint32)(address)


@pytest.mark.parametrize("first", ["/usr/lib/dyld", "/Library/Apple/usr/libexec/oah/libRosettaRuntime"])
def test_macos_libraries_are_found_in_the_app(first):
    """The same on Intel, on Apple silicon and under Rosetta: bundles do not name the processor."""
    files = macos_images(Dyld([first, None, *MACOS]))
    assert files == [first, *MACOS]
    assert [find_loaded(kind, files, "darwin") for kind in ("obs", "scripting", "frontend")] == [
        [APP + "Frameworks/libobs.framework/Versions/A/libobs"],
        [APP + "Frameworks/obs-scripting.dylib"],
        [APP + "Frameworks/obs-frontend-api.dylib"],
    ]


@pytest.mark.parametrize(
    ("kind", "name"), [("obs", "libobs.0.dylib"), ("obs", "libobs.dylib"), ("scripting", "libobs-scripting.dylib")]
)
def test_older_macos_names_are_known(kind, name):
    assert find_loaded(kind, [*(set(MACOS) - set(MACOS[6:])), APP + name], "darwin") == [APP + name]


class Kernel32:
    """The three functions of kernel32, by its rules, over a list of paths; handles are above 32 bits."""

    def __init__(self, paths: list[str]) -> None:
        handles = {0x7FF6_0000_0000 + 0x10000 * index: path for index, path in enumerate(paths)}
        pointer, number = ctypes.c_void_p, ctypes.c_uint32

        def enumerate_modules(process, modules, size_bytes, needed_bytes):
            assert process == 2**64 - 1, "the pseudo handle of this process"
            there = (pointer * (size_bytes // 8)).from_address(modules)
            for index, handle in enumerate(handles):
                there[index] = handle
            number.from_address(needed_bytes).value = 8 * len(handles)
            return 1

        def file_name(module, buffer, characters):
            text = handles[module]
            assert len(text) < characters
            ctypes.memmove(buffer, ctypes.create_unicode_buffer(text), ctypes.sizeof(ctypes.c_wchar) * (len(text) + 1))
            return len(text)

        self.GetCurrentProcess = ctypes.CFUNCTYPE(pointer)(lambda: 2**64 - 1)
        enumerating = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, number, pointer)
        self.K32EnumProcessModules = enumerating(enumerate_modules)
        self.GetModuleFileNameW = ctypes.CFUNCTYPE(number, pointer, pointer, number)(file_name)


def test_windows_libraries_are_found_whatever_their_case():
    folder = "C:\\Program Files\\obs-studio\\bin\\64bit\\"
    files = windows_modules(Kernel32(WINDOWS))
    assert files == WINDOWS
    assert [find_loaded(kind, files, "win32") for kind in ("obs", "scripting", "frontend")] == [
        [folder + "OBS.dll"],
        [folder + "obs-scripting.dll"],
        [folder + "obs-frontend-api.dll"],
    ]


@pytest.mark.parametrize(
    ("system", "names"),
    [
        ("linux", "(libnowhere.so to libnowhere.so.59)"),
        ("win32", "(nowhere.dll)"),
        ("darwin", "Frameworks/libnowhere.dylib"),
    ],
)
def test_outside_obs_the_error_says_what_was_looked_for(monkeypatch, system, names):
    monkeypatch.setitem(STEMS, "scripting", "nowhere")
    with pytest.raises(MirageError, match="is this script running in OBS") as caught:
        open_library("scripting", ["/usr/bin/python3", "/usr/lib/libobs-scripting.so.1"], system)
    assert names in str(caught.value)
    assert caught.value.code == "not_in_obs"


IN_A_PROCESS_THAT_HAS_IT = """
import ctypes, os, shutil, sys
from mirage_lsd.obs_script.host.loaded_libraries import find_loaded, loaded_files, open_library
from mirage_lsd.shared.errors import MirageError
folder, wanted = sys.argv[1:]
first = ctypes.CDLL(wanted)
if "upgrade" in os.environ:
    shutil.copy(folder + "/libobs.so.29", folder + "/new")
    os.replace(folder + "/new", folder + "/libobs.so.29")
try:
    print(open_library("obs")._handle == first._handle)
except MirageError as error:
    print(error.code)
print([name.replace(folder, "") for name in find_loaded("obs", loaded_files())])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's loader")
@pytest.mark.parametrize("link", ["libobs.so.0", "libobs.so", None])
@pytest.mark.parametrize("upgrade", [False, True])
def test_no_second_copy_is_loaded_also_when_the_file_was_replaced(tmp_path, link, upgrade):
    """Any real library stands in for libobs here: the loader is what is asked."""
    ctypes.CDLL("libm.so.6")
    content = Path(next(file for file in loaded_files() if "/libm.so" in file)).read_bytes()
    (tmp_path / "libobs.so.29").write_bytes(content)
    if link:
        (tmp_path / link).symlink_to("libobs.so.29")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), **({"upgrade": "1"} if upgrade else {})}
    command = [sys.executable, "-c", IN_A_PROCESS_THAT_HAS_IT, str(tmp_path), link or "libobs.so.29"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["True", str(["/libobs.so.29" + (" (deleted)" if upgrade else "")])]
