# SPDX-License-Identifier: Apache-2.0
"""Each system's doorbell: Linux's file as the Lua half expects it, Windows' event with kernel32 injected."""

from __future__ import annotations

import ctypes
import threading
import time
from pathlib import Path

import pytest

from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.doorbell.doorbell_event import EventDoorbell
from mirage_lsd.shared.doorbell.doorbell_semaphore import MAX_PENDING, SemaphoreDoorbell
from mirage_lsd.shared.errors import DoorbellError


def test_linux_uses_the_semaphore(tmp_path: Path) -> None:
    made = Doorbell.create(str(tmp_path / "bell"))
    assert isinstance(made, SemaphoreDoorbell)
    assert isinstance(Doorbell.open(made.path), SemaphoreDoorbell)


def test_the_semaphores_file_is_as_the_lua_half_expects_it(tmp_path: Path) -> None:
    made = SemaphoreDoorbell.create(str(tmp_path / "bell"))
    content = (tmp_path / "bell").read_bytes()
    assert len(content) == 4096
    assert content[:12] == b"MIRAGEDB\x01\0\0\0"
    libc, semaphore = ctypes.CDLL(None), (ctypes.c_char * 32).from_buffer(made._mapping.memory, 64)
    assert libc.sem_post(semaphore) == 0
    assert made.wait(0), "a bare sem_post at offset 64, as the Lua half makes it, must ring"
    value = ctypes.c_int()
    for _ in range(50):
        made.ring()
    libc.sem_getvalue(semaphore, ctypes.byref(value))
    assert value.value == MAX_PENDING


def test_an_older_libc_without_clockwait_waits_as_well(tmp_path: Path) -> None:
    class OldLibrary:
        def __getattr__(self, name: str):
            if name == "sem_clockwait":
                raise AttributeError(name)
            return getattr(ctypes.CDLL(None, use_errno=True), name)

    made = SemaphoreDoorbell.create(str(tmp_path / "bell"))
    made._functions = type(made._functions)(OldLibrary())
    started = time.monotonic()
    assert not made.wait(0.1)
    assert time.monotonic() - started > 0.08
    made.ring()
    assert made.wait(5)


@pytest.mark.parametrize(
    ("offset", "data", "code"),
    [(0, b"X", "not_a_doorbell"), (8, b"\2", "wrong_version"), (4096, b"+", "not_a_doorbell")],
)
def test_a_foreign_file_is_refused(tmp_path: Path, offset: int, data: bytes, code: str) -> None:
    path = tmp_path / "bell"
    SemaphoreDoorbell.create(str(path)).close()
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)
    with pytest.raises(DoorbellError) as caught:
        SemaphoreDoorbell.open(str(path))
    assert caught.value.code == code


class FakeKernel:
    """kernel32's five functions over one Python event a name, auto-reset."""

    def __init__(self) -> None:
        self.events, self.closed, self.error = {}, [], 0

    def CreateEventW(self, security, manual_reset, initial_state, name):
        assert (security, manual_reset, initial_state) == (None, False, False)
        self.error = 183 if name in self.events else 0
        self.events.setdefault(name, threading.Event())
        return list(self.events).index(name) + 1

    def last_error(self):
        return self.error

    def OpenEventW(self, access, inherit, name):
        assert access == 0x00100002 and not inherit
        return list(self.events).index(name) + 1 if name in self.events else None

    def _event(self, handle: int) -> threading.Event:
        return list(self.events.values())[handle - 1]

    def SetEvent(self, handle):
        self._event(handle).set()
        return 1

    def WaitForSingleObject(self, handle, milliseconds):
        if not self._event(handle).wait(milliseconds / 1000):
            return 0x102
        self._event(handle).clear()
        return 0

    def CloseHandle(self, handle):
        self.closed.append(handle)


def test_the_windows_event() -> None:
    kernel = FakeKernel()
    made = EventDoorbell.create(r"C:\t\0a1b\bell", kernel)
    opened = EventDoorbell.open(r"C:\t\0a1b\bell", kernel)
    assert list(kernel.events) == [r"Local\mirage-lsd-0a1b-bell"]
    with pytest.raises(DoorbellError) as caught:
        EventDoorbell.create(made.path, kernel)
    assert caught.value.code == "exists" and kernel.closed == [1]
    made.ring()
    made.ring()
    assert opened.wait(0)
    assert not opened.wait(0.01)
    made.close()
    made.close()
    assert kernel.closed == [1, 1]
    with pytest.raises(DoorbellError) as caught:
        made.ring()
    assert caught.value.code == "closed"
    with pytest.raises(DoorbellError) as caught:
        EventDoorbell.open(r"C:\t\0a1b\other", kernel)
    assert caught.value.code == "not_found"
    kernel.WaitForSingleObject = lambda *_: 0xFFFFFFFF
    with pytest.raises(DoorbellError) as caught:
        opened.wait(0)
    assert caught.value.code == "failed"
