# SPDX-License-Identifier: Apache-2.0
"""The session folder: where one launch keeps its rings and doorbells, and how the dead's folders are found.

Made by the OBS half, removed by it at the end; by the worker if the owner died; by the next start (`sweep`)
if both did. Invariants: the folder is 0700, below a 0700 folder of this user, under an unguessable name; as
long as its owner lives, its `owner.lock` is held (held_file.py), which the system drops however the owner ends;
a folder whose lock is held is never removed by anyone else.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
import time

from mirage_lsd.shared.channel import sandbox
from mirage_lsd.shared.channel.held_file import hold_new, is_held
from mirage_lsd.shared.errors import EndpointError

LOCK_NAME = "owner.lock"
_UNFINISHED = ".new-"
_UNFINISHED_MAX_AGE_S = 60.0
_CAN_RENAME_WHILE_OPEN = sys.platform != "win32"
"""Windows renames no folder in which a file is open: there, one without a lock is unfinished."""


class SessionFolder:
    """An owned session folder. `path` is absolute; `close` removes it."""

    def __init__(self, path: str, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, root: str | None = None) -> SessionFolder:
        """Make and lock a folder below `root` (default: private_root()). Raises EndpointError."""
        root = root or private_root()
        name = secrets.token_hex(16)
        path = os.path.join(root, name)
        unfinished = os.path.join(root, _UNFINISHED + name) if _CAN_RENAME_WHILE_OPEN else path
        try:
            os.mkdir(unfinished, 0o700)
            lock = hold_new(os.path.join(unfinished, LOCK_NAME))
        except OSError as error:
            raise EndpointError(f"{unfinished} cannot be made: {error.strerror or error}", "cannot_create") from error
        if unfinished != path:
            os.rename(unfinished, path)  # only now may a sweep look at it
        return cls(path, lock)

    def path_of(self, name: str) -> str:
        """Path for a file of this session."""
        return os.path.join(self.path, name)

    def close(self) -> None:
        """Remove the folder with all in it and drop the lock. Mapped rings stay mapped. Idempotent."""
        if self._lock >= 0:
            os.close(self._lock)  # first: Windows removes no open file
            self._lock = -1
            remove(self.path)


def private_root() -> str:
    """This user's folder of session folders: in /dev/shm on Linux, else in the temporary folder; inside a sandbox
    where the host, on which the worker runs, sees it too.

    Made with mode 0700 if need be. Raises EndpointError (not_private) if another user sits on the name.
    """
    for base in _bases():
        root = os.path.join(base, _root_name())
        if not os.path.lexists(root):
            os.makedirs(root, mode=0o700, exist_ok=True)
        if _is_private(root):
            return root
    raise EndpointError(f"{root} is not a private folder of this user: remove it", "not_private")


def known_roots() -> list[str]:
    """Every folder of session folders of this user that can be seen from here, those of sandboxes too."""
    roots = [private_root()]
    if sys.platform == "linux":
        roots += [os.path.join(folder, _root_name()) for folder in sandbox.folders_of_sandboxes()]
    return [root for root in roots if os.path.lexists(root) and _is_private(root)]


def owner_is_alive(path: str) -> bool:
    """True while the process that made the session folder lives."""
    try:
        return is_held(os.path.join(path, LOCK_NAME))
    except FileNotFoundError:
        return False


def sweep(root: str | None = None) -> list[str]:
    """Remove the folders of dead owners below `root` (default: private_root()); returns their paths."""
    root = root or private_root()
    removed = []
    for name in os.listdir(root):
        path = os.path.join(root, name)
        if os.path.islink(path) or not os.path.isdir(path) or _is_being_made(path, name):
            continue
        if not owner_is_alive(path):
            remove(path)
            removed.append(path)
    return removed


def remove(path: str) -> None:
    """Remove a session folder and all in it. Idempotent; what will not go is left for the next sweep."""
    shutil.rmtree(path, ignore_errors=True)


def _root_name() -> str:
    return f"mirage-lsd-{os.getuid() if hasattr(os, 'getuid') else 'user'}"  # Windows: its temporary folder is private


def _bases() -> list[str]:
    bases = [tempfile.gettempdir()]
    surrounding = sandbox.inside() if sys.platform == "linux" else None
    if surrounding is not None:
        return surrounding.shared_folders() + bases  # the last one is not shared: the worker's status says so
    if sys.platform == "linux" and os.access(sandbox.SHARED_MEMORY, os.W_OK | os.X_OK):
        bases.insert(0, sandbox.SHARED_MEMORY)
    return bases


def _is_being_made(path: str, name: str) -> bool:
    without_lock = not _CAN_RENAME_WHILE_OPEN and not os.path.exists(os.path.join(path, LOCK_NAME))
    if not name.startswith(_UNFINISHED) and not without_lock:
        return False
    try:
        return time.time() - os.stat(path).st_mtime < _UNFINISHED_MAX_AGE_S
    except FileNotFoundError:
        return True


def _is_private(path: str) -> bool:
    status = os.lstat(path)
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(status.st_mode)
    mine = status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and mine and stat.S_IMODE(status.st_mode) & 0o077 == 0
