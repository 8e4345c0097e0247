# SPDX-License-Identifier: Apache-2.0
"""Flatpak's sandbox as a program inside it sees it: which folders the host sees too, and what to allow.

Read by session_folder.py in both processes and by the OBS half when it starts a program. Invariant: outside of a
sandbox `inside()` is None and nothing here has any effect.

Flatpak's own rules (common/flatpak-run.c, the same in 1.12, 1.14, 1.16 and 1.19): processes of the sandbox have a pid
namespace of their own; /dev/shm is private, with --share=ipc and --device=all too, unless --device=shm is given as
well; $XDG_RUNTIME_DIR/app/ID and ~/.var/app/ID lie at the same paths on the host.
"""

from __future__ import annotations

import configparser
import glob
import os
from dataclasses import dataclass

INFO_FILE = "/.flatpak-info"
SHARED_MEMORY = "/dev/shm"
APP_CACHES = os.path.join("~", ".var", "app", "*", "cache")


@dataclass(frozen=True)
class Sandbox:
    """`app_id`: of the program inside, as com.obsproject.Studio; `devices`: what --device allowed."""

    app_id: str
    devices: frozenset

    def shared_folders(self) -> list[str]:
        """Folders that the host sees under the same path, in memory first, on disk last."""
        runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        folders = [SHARED_MEMORY] if "shm" in self.devices else []
        folders.append(os.path.join(runtime, "app", self.app_id))
        folders.append(os.path.expanduser(os.path.join("~", ".var", "app", self.app_id, "cache")))
        return [folder for folder in folders if os.access(folder, os.W_OK | os.X_OK)]

    def allow(self, permission: str) -> str:
        """What the user has to type so that the sandbox has a permission, as "--device=shm"."""
        return f"run `flatpak override --user {permission} {self.app_id}`, then restart OBS"


def inside(info_file: str = INFO_FILE) -> Sandbox | None:
    """The sandbox that this process runs in; None where there is none."""
    info = configparser.RawConfigParser(strict=False)
    try:
        if not info.read(info_file, encoding="utf-8"):
            return None
        devices = info.get("Context", "devices", fallback="")
        return Sandbox(info.get("Application", "name"), frozenset(filter(None, devices.split(";"))))
    except (configparser.Error, UnicodeDecodeError):
        return None  # somebody else's file


def folders_of_sandboxes() -> list[str]:
    """On the host: the folders that sandboxes of this user share with it, as shared_folders() of each."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return sorted(glob.glob(os.path.join(runtime, "app", "*")) + glob.glob(os.path.expanduser(APP_CACHES)))
