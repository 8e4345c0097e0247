# SPDX-License-Identifier: Apache-2.0
"""Memory that two processes share, found by a path: one small interface over Linux, macOS and Windows.

Called by ring.py, doorbell.py and the control block. Invariants: only our own user can open it (a 0600 file
in a 0700 folder, or on Windows a named mapping whose name holds the session folder's random name); its pages
are reserved when it is made, so running out of memory is an error here and not a SIGBUS later.

- Linux, macOS: the mapping is the file at `path` (in /dev/shm on Linux, so no disk is touched).
- Windows: a named mapping, `windows_name(path)`; the file at `path` holds one line, the size in bytes, so
  that the other side can open it. The memory lives until the last process closes it.

A file that someone with our own rights shrinks after it was mapped kills the reader with SIGBUS; nothing in
user space prevents that. Nobody in this project ever resizes one: a new size is a new file.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import stat
import sys

from mirage_lsd.shared.errors import MappingError

_MAP_POPULATE = 0x8000 if sys.platform == "linux" else 0
_PAGE_BYTES = 4096
_MAX_SIZE_LINE_BYTES = 32
_NO_SPACE = (errno.ENOSPC, errno.ENOMEM, getattr(errno, "EDQUOT", errno.ENOSPC))
_COMMITMENT_LIMIT = 1455  # Windows: the paging file is too small


class Mapping:
    """One shared mapping. `memory` is the mmap, `path` where it was found, `size_bytes` its length."""

    def __init__(self, path: str, memory: mmap.mmap) -> None:
        self.path = path
        self.memory = memory
        self.size_bytes = len(memory)

    @property
    def address(self) -> int:
        """Where it lies in this process, for code that is not Python; valid until close()."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self.memory))

    def close(self) -> None:
        """Unmap. While a caller holds a view, the memory stays mapped until that view goes. Idempotent."""
        try:
            self.memory.close()
        except BufferError:
            # A memoryview or numpy array of a slot is still alive; unmapping under it would crash its owner.
            return

    def unlink(self) -> None:
        """Remove the name. Whoever has it mapped keeps it; nobody else can open it. Idempotent."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return


def create_mapping(path: str, size_bytes: int, prefault: bool = True) -> Mapping:
    """Make `size_bytes` of zeroed shared memory. Raises MappingError (exists, no_space, not_permitted)."""
    try:
        if sys.platform == "win32":
            return _create_windows(path, size_bytes)
        return _create_file(path, size_bytes, prefault)
    except OSError as error:
        raise _explained(error, path) from error


def open_mapping(path: str, writable: bool = True, prefault: bool = False) -> Mapping:
    """Map what create_mapping made. Raises MappingError (not_found, not_permitted, truncated)."""
    try:
        if sys.platform == "win32":
            return _open_windows(path, writable)
        return _open_file(path, writable, prefault)
    except OSError as error:
        raise _explained(error, path) from error


def windows_name(path: str) -> str:
    """Name of the kernel object for a path: Local\\mirage-lsd-<last folder>-<file>."""
    parts = path.replace("\\", "/").rstrip("/").split("/")[-2:]
    kept = "-".join("".join(c if c.isalnum() or c in "._-" else "_" for c in part) for part in parts)
    return "Local\\mirage-lsd-" + kept


def _create_file(path: str, size_bytes: int, prefault: bool) -> Mapping:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _reserve(descriptor, size_bytes)
        flags = mmap.MAP_SHARED | (_MAP_POPULATE if prefault else 0)
        return Mapping(path, mmap.mmap(descriptor, size_bytes, flags, mmap.PROT_READ | mmap.PROT_WRITE))
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def _reserve(descriptor: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
        return
    zeros = bytes(1 << 20)  # macOS has no posix_fallocate: writing is the only way to reserve
    for start in range(0, size_bytes, len(zeros)):
        os.write(descriptor, zeros[: size_bytes - start])


def _open_file(path: str, writable: bool, prefault: bool) -> Mapping:
    access = os.O_RDWR if writable else os.O_RDONLY
    descriptor = os.open(path, access | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            raise MappingError(f"{path} is not a file of this user: not opened", "not_permitted")
        if status.st_size < _PAGE_BYTES:
            raise MappingError(f"{path} has {status.st_size} bytes, too few: it was cut off", "truncated")
        flags = mmap.MAP_SHARED | (_MAP_POPULATE if prefault else 0)
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        mapping = Mapping(path, mmap.mmap(descriptor, status.st_size, flags, protection))
    finally:
        os.close(descriptor)
    if prefault and not _MAP_POPULATE:
        mapping.memory[::_PAGE_BYTES]
    return mapping


def _create_windows(path: str, size_bytes: int, make: object = mmap.mmap) -> Mapping:
    with open(path, "xb") as file:  # binary: as text, Windows would write the line's end as two bytes
        try:
            memory = make(-1, size_bytes, tagname=windows_name(path))
            file.write(b"%d\n" % size_bytes)
            return Mapping(path, memory)
        except OSError:
            file.close()
            os.unlink(path)
            raise


def _open_windows(path: str, writable: bool, make: object = mmap.mmap) -> Mapping:
    with open(path, "rb") as file:
        line = file.read(_MAX_SIZE_LINE_BYTES)
    if not line.endswith(b"\n") or not line[:-1].isdigit() or int(line) < _PAGE_BYTES:
        raise MappingError(f"{path} does not hold the size of a mapping: recreate it", "truncated")
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    return Mapping(path, make(-1, int(line), tagname=windows_name(path), access=access))


def _explained(error: OSError, path: str) -> MappingError:
    if isinstance(error, FileExistsError):
        return MappingError(f"{path} exists already: remove it or choose another name", "exists")
    if isinstance(error, FileNotFoundError):
        return MappingError(f"{path} does not exist: its owner has gone or not made it yet", "not_found")
    if error.errno in _NO_SPACE or getattr(error, "winerror", 0) == _COMMITMENT_LIMIT:
        room = "enlarge the paging file" if sys.platform == "win32" else "make room there"
        return MappingError(
            f"no room for shared memory at {path} ({error.strerror}): {room} or use smaller frames",
            "no_space",
        )
    return MappingError(f"{path} cannot be used: {error.strerror or error}", "not_permitted")
