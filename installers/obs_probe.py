# SPDX-License-Identifier: Apache-2.0
"""What one OBS brings, and whether the Mirage LSD script will work in it; run by obs_installations.py, without OBS.

    python3 obs_probe.py look BINARY                   which libraries and which Python the OBS is linked to
    python3 obs_probe.py try SCRIPT LIBRARIES_JSON     with that Python: load what the script will load

Each prints one line of JSON. Run inside the OBS's own sandbox where it has one. Python 3.9 and the standard library, as
in OBS. Invariant: the second does what OBS does when it loads the script, by the script's own code, but for the calls
into OBS.
"""

from __future__ import annotations

import ctypes
import glob
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import types

LIBRARY_KINDS = {"obs": "libobs.so", "frontend": "libobs-frontend-api.so", "scripting": "libobs-scripting.so"}
LUA_NAMES = re.compile(r"\b((?:obs|gs|os)_\w+)\(")

ZMQ_MODULE = "channel.channel"  # of shared: see _import_zmq


def look(binary: str) -> dict:
    """{"libraries": path by kind, "python": "3.11" or "", "libpython": path or ""}. Scripting is what OBS's frontend
    tools are linked to; where those are not found, what lies beside libobs."""
    linked = linked_libraries(binary)
    libraries = {kind: path for kind, path in _by_kind(linked).items() if kind != "scripting"}
    if "obs" not in libraries:
        return {"libraries": {}, "python": "", "libpython": ""}
    folder = os.path.dirname(libraries["obs"])
    tools = glob.glob(os.path.join(folder, "**", "frontend-tools.so"), recursive=True)
    beside = [] if tools else sorted(glob.glob(os.path.join(folder, LIBRARY_KINDS["scripting"] + "*")))
    for path in [path for tool in tools for path in linked_libraries(tool)] + beside:
        libraries.update({kind: found for kind, found in _by_kind([path]).items() if kind not in libraries})
    glue = glob.glob(os.path.join(folder, "obs-scripting", "*.so"))
    scripting = [libraries["scripting"], *glue] if "scripting" in libraries else []
    pythons = [path for each in scripting for path in linked_libraries(each) if "libpython3." in path]
    version = re.search(r"libpython(3\.\d+)", pythons[0]) if pythons else None
    return {
        "libraries": libraries,
        "python": version.group(1) if version else "",
        "libpython": pythons[0] if pythons else "",
    }


def linked_libraries(binary: str) -> list:
    """Paths of the shared libraries a binary is linked to, as the dynamic loader finds them."""
    listing = subprocess.run(["ldd", binary], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return re.findall(r"=> (/\S+)", listing.stdout)


def _by_kind(paths: list) -> dict:
    kinds = {kind: name for kind, name in LIBRARY_KINDS.items()}
    return {kind: path for path in paths for kind, name in kinds.items() if os.path.basename(path).startswith(name)}


def try_out(script: str, libraries: dict) -> dict:
    """{"problems": [text], "version": OBS's, "python": full version, "zmq": version, "symbols": n, "modules": n}."""
    found = {"problems": [], "version": "", "python": sys.version.split()[0], "zmq": "", "symbols": 0, "modules": 0}
    steps = [lambda: _import_modules(script, found), lambda: _import_zmq(script, found)]
    for step in [*steps, lambda: _load_libraries(script, libraries, found)]:
        try:
            step()
        except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
            ours = hasattr(error, "code")  # a MirageError says itself what to do
            found["problems"].append(str(error) if ours else f"{type(error).__name__}: {error}")
    return found


def _import_modules(script: str, found: dict) -> None:
    """All of the script's, with a module in place of OBS's own."""
    sys.modules["obspython"] = types.ModuleType("obspython")
    spec = importlib.util.spec_from_file_location("mirage_lsd_obs", script)
    entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    entry._make_packages()
    folder = os.path.dirname(os.path.abspath(script))
    for package in ("shared", "obs_script"):
        root = sys.modules[f"mirage_lsd.{package}"].__path__[0]
        for path in sorted(glob.glob(os.path.join(root, "**", "*.py"), recursive=True)):
            name = os.path.relpath(path, root)[:-3].replace(os.sep, ".")
            if path == os.path.join(folder, "mirage_lsd_obs.py") or name.endswith("__init__") or name == ZMQ_MODULE:
                continue
            importlib.import_module(f"mirage_lsd.{package}.{name}")
            found["modules"] += 1


def _import_zmq(script: str, found: dict) -> None:
    record = importlib.import_module("mirage_lsd.obs_script.host.install_record").InstallRecord
    record.find(os.path.dirname(os.path.abspath(script))).import_zmq()
    zmq = sys.modules["zmq"]
    if not zmq.has("curve"):
        raise ImportError("pyzmq was built without CURVE")
    importlib.import_module("mirage_lsd.shared.channel.channel")
    found["zmq"] = zmq.__version__


def _load_libraries(script: str, libraries: dict, found: dict) -> None:
    """As loaded in OBS; then everything that both halves of the script call, then the script's own way to find it."""
    for kind in LIBRARY_KINDS:
        if kind not in libraries:
            raise OSError(f"this OBS has no {LIBRARY_KINDS[kind]}")
    loaded = {kind: ctypes.CDLL(libraries[kind], mode=ctypes.RTLD_GLOBAL) for kind in LIBRARY_KINDS}
    loaded["obs"].obs_get_version_string.restype = ctypes.c_char_p
    found["version"] = loaded["obs"].obs_get_version_string().decode()
    libobs = importlib.import_module("mirage_lsd.obs_script.host.libobs")
    wanted = {(kind, name) for name, (kind, _, _) in libobs._TABLE.items()}
    with open(os.path.join(os.path.dirname(script), "render", "memory", "ffi.lua"), encoding="utf-8") as file:
        wanted |= {("obs", name) for name in LUA_NAMES.findall(file.read().split("ffi.cdef")[1].split("]]")[0])}
    lacking = sorted(name for kind, name in wanted if not hasattr(loaded[kind], name))
    if lacking:
        raise OSError(f"this OBS lacks {', '.join(lacking)}: it is too old or too new for this release")
    libobs.LibObs()
    found["symbols"] = len(wanted)


def main(words: list) -> None:
    result = look(words[1]) if words[0] == "look" else try_out(words[1], json.loads(words[2]))
    print(json.dumps(result), flush=True)
    sys.stdout.flush()
    os._exit(0)  # libraries made for OBS need not end well here


if __name__ == "__main__":
    main(sys.argv[1:])
