# SPDX-License-Identifier: Apache-2.0
"""The file a film is written to: under another name beside it until the film is whole.

Made before any work, by one thread. Invariants: the source is never written to, by whichever name it is called; a file
that exists is replaced only where the user said so; a film that was not finished leaves nothing behind.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from pathlib import Path

from mirage_lsd.worker.programs.films import FilmError

MB_BYTES = 1_000_000


class Target(io.RawIOBase):
    """A file for ffmpeg's muxer to write, seek and tell in. `failed`: what the disk answered, None while all is well.

    ffmpeg remembers only that something went wrong; here it is kept what, and how much room there was.
    """

    def __init__(self, path: Path, source: Path, overwrite: bool) -> None:
        super().__init__()
        self.name = str(path)
        self.failed: OSError | None = None
        self._path = path.resolve()  # through a link, to the file itself
        _check(path, self._path, source, overwrite)
        self._hidden = self._path.with_name(f".{self._path.stem}-{os.getpid()}{self._path.suffix}")
        try:
            self._free_bytes = shutil.disk_usage(self._path.parent).free
            self._file = self._hidden.open("xb", buffering=0)
        except OSError as error:
            raise FilmError(f"{path} cannot be written: {self._path.parent}: {error.strerror}", "bad_output") from error

    def write(self, data) -> int:
        """All of it, or OSError."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._file.write(left) :]
            except OSError as error:
                self.failed = error
                raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As a file's."""
        return self._file.tell()

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def keep(self) -> None:
        """The film is whole: give it its name. Raises OSError."""
        os.fsync(self._file.fileno())
        self._file.close()
        if self._path.exists():
            shutil.copymode(self._path, self._hidden)
        self._hidden.replace(self._path)

    def discard(self) -> None:
        """Takes away what was written, unless it has been kept."""
        self._file.close()
        self._hidden.unlink(missing_ok=True)

    def refusal(self, error: Exception, done: float) -> FilmError:
        """What to tell where writing failed after this share of the film (0 to 1)."""
        reason = self.failed or error
        if isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            written_bytes = self._hidden.stat().st_size if self._hidden.exists() else 0
            needed_mb = max(written_bytes / max(done, 0.01), self._free_bytes) * 1.1 / MB_BYTES
            return FilmError(f"{self.name} was not written: the disk is full. It needs about {needed_mb:.1f} MB, "
                             f"{self._free_bytes / MB_BYTES:.1f} MB were free; make room, or write to another disk",
                             "no_room")  # fmt: skip
        return FilmError(f"{self.name} was not written: {_why(reason)}", "bad_output")


def _why(error: Exception) -> str:
    """What ffmpeg said last about it, else the error in words."""
    said = getattr(error, "log", None)
    return said[2].strip() if said else getattr(error, "strerror", None) or str(error)


def _check(path: Path, resolved: Path, source: Path, overwrite: bool) -> None:
    if not resolved.exists():
        return
    if source.exists() and resolved.samefile(source):
        raise FilmError(f"{path} is the film to be read itself; give the new film another name", "exists")
    if not resolved.is_file():
        raise FilmError(f"{path} cannot be written: it is a folder or a device, not a file", "bad_output")
    if not overwrite:
        raise FilmError(f"{path} exists; give another name, or --overwrite to replace it", "exists")
