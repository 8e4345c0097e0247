# SPDX-License-Identifier: Apache-2.0
"""The mapping below the ring, and the fence: the parts for systems that cannot be run here, with their calls
injected, and Linux's for real."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.errors import MappingError
from mirage_lsd.shared.ring import mapping
from mirage_lsd.shared.ring.fence import choose_fence, new_fence


def test_memory_is_zeroed_shared_and_reserved(tmp_path: Path) -> None:
    one = mapping.create_mapping(str(tmp_path / "m"), 8192)
    two = mapping.open_mapping(str(tmp_path / "m"))
    assert not any(one.memory[:])
    one.memory[8191] = 5
    assert two.memory[8191] == 5
    assert os.stat(tmp_path / "m").st_blocks * 512 >= 8192, "pages must be reserved, else writing may end in SIGBUS"
    one.close()
    two.close()


def test_no_room_is_an_error_and_leaves_no_file(tmp_path: Path, monkeypatch) -> None:
    def full(descriptor: int, start: int, size_bytes: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MappingError, match="make room there") as caught:
        mapping.create_mapping(str(tmp_path / "m"), 8192)
    assert caught.value.code == "no_space"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_shared_memory_is_an_error_for_real(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(MappingError) as caught:
            mapping.create_mapping(str(tmp_path / "m"), 1 << 20)
        assert caught.value.code == "no_space"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_where_posix_fallocate_is_missing_zeros_are_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    made = mapping.create_mapping(str(tmp_path / "m"), (1 << 20) + 4096, prefault=False)
    assert os.stat(tmp_path / "m").st_blocks * 512 >= (1 << 20) + 4096
    made.close()


def test_prefaulted_memory_is_written_without_page_faults() -> None:
    """What prefaulting is for: the first frames would otherwise pay for it, on OBS's graphics thread."""
    folder = SessionFolder.create()  # in /dev/shm: a disk's pages are faulted again when they turn dirty
    made = mapping.create_mapping(folder.path_of("m"), 8 << 20)
    other = mapping.open_mapping(folder.path_of("m"), prefault=True)
    pixels = bytes(8 << 20)
    pixels.count(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    made.memory[:] = pixels
    other.memory[:] = pixels
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 200, "2048 pages twice were touched"
    made.close()
    other.close()
    folder.close()


def test_another_users_file_is_refused(tmp_path: Path, monkeypatch) -> None:
    mapping.create_mapping(str(tmp_path / "m"), 4096).close()
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    with pytest.raises(MappingError) as caught:
        mapping.open_mapping(str(tmp_path / "m"))
    assert caught.value.code == "not_permitted"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"C:\Users\Ann Ö\Temp\mirage-lsd-user\0a1b\in-1.ring", r"Local\mirage-lsd-0a1b-in-1.ring"),
        ("C:/Temp/0a1b/bell", r"Local\mirage-lsd-0a1b-bell"),
        (r"D:\x y\a'b", r"Local\mirage-lsd-x_y-a_b"),
    ],
)
def test_windows_names(path: str, name: str) -> None:
    assert mapping.windows_name(path) == name


def test_windows_mapping_has_its_size_in_a_file_and_its_memory_under_a_name(tmp_path: Path) -> None:
    calls = []

    def make(descriptor: int, size_bytes: int, **options):
        calls.append((descriptor, size_bytes, options))
        return mmap.mmap(-1, size_bytes)

    path = str(tmp_path / "ring")
    mapping._create_windows(path, 8192, make).close()
    name = mapping.windows_name(path)
    assert Path(path).read_bytes() == b"8192\n"
    mapping._open_windows(path, False, make).close()
    assert calls == [(-1, 8192, {"tagname": name}), (-1, 8192, {"tagname": name, "access": mmap.ACCESS_READ})]


@pytest.mark.parametrize("line", [b"", b"-1\n", b"12x", b"100\n", b"9" * 40 + b"\n"])
def test_windows_size_file_is_checked(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "ring").write_bytes(line)
    with pytest.raises(MappingError) as caught:
        mapping._open_windows(str(tmp_path / "ring"), True, lambda *a, **k: mmap.mmap(-1, 4096))
    assert caught.value.code == "truncated"


def library(**functions) -> SimpleNamespace:
    """A stand-in for a loaded library: plain objects with argtypes and restype that count their calls."""

    class Function:
        def __init__(self, result: int) -> None:
            self.calls, self.result = [], result

        def __call__(self, *arguments):
            self.calls.append(tuple(getattr(a, "value", a) for a in arguments))
            return self.result

    return SimpleNamespace(**{name: Function(result) for name, result in functions.items()})


@pytest.mark.parametrize(
    ("machine", "system", "functions", "called"),
    [
        ("arm64", "darwin", {"OSMemoryBarrier": 0}, ()),
        ("ARM64", "win32", {"FlushProcessWriteBuffers": 0}, ()),
        ("aarch64", "linux", {"atomic_thread_fence": 0}, (5,)),
        ("aarch64", "linux", {"syscall": 0}, (283, 2, 0, 0)),
    ],
)
def test_the_right_fence_is_called(machine: str, system: str, functions: dict, called: tuple) -> None:
    loaded = library(**functions)
    fence = choose_fence(machine, system, lambda name: loaded)
    fence()
    (function,) = vars(loaded).values()
    assert function.calls[-1] == called


def test_a_system_without_a_fence_is_refused() -> None:
    with pytest.raises(OSError, match="libatomic1"):
        choose_fence("aarch64", "linux", lambda name: library(syscall=-1))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the x86-64 fence")
def test_the_fence_of_this_machine_can_be_called_by_two_threads() -> None:
    fence = new_fence()
    for _ in range(1000):
        fence()


def test_the_membarrier_fallback_is_accepted_by_a_real_kernel() -> None:
    """Its number differs between processors; the command and the argument list are the same."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        pytest.skip("Linux on x86-64")
    syscall = ctypes.CDLL(None).syscall
    syscall.restype = ctypes.c_long
    assert syscall(ctypes.c_long(324), ctypes.c_long(2), ctypes.c_long(0), ctypes.c_long(0)) == 0
