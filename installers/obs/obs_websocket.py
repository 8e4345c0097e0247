# SPDX-License-Identifier: Apache-2.0
"""A client for obs-websocket 5 (the server inside OBS 28 and newer), in the standard library alone.

Used by obs_session.py from the demo's and the tests' main thread. One request at a time: a request waits for
its own answer, and events are not asked for. Only what OBS's server needs of RFC 6455 is here: text frames,
fragments, ping and close, no extensions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
from itertools import count
from typing import Any

OP_CONTINUE, OP_TEXT, OP_CLOSE, OP_PING, OP_PONG = 0x0, 0x1, 0x8, 0x9, 0xA
HELLO, IDENTIFY, IDENTIFIED, REQUEST, RESPONSE = 0, 1, 2, 6, 7
MAX_MESSAGE_BYTES = 64 << 20
NOT_READY = 207
"""The RequestStatus of an OBS that is still loading (or closing)."""


class ObsRequestError(Exception):
    """OBS refused a request; `code` is obs-websocket's RequestStatus number."""

    def __init__(self, request: str, code: int, comment: str) -> None:
        super().__init__(f"{request}: {comment or 'refused'} (status {code})")
        self.request, self.code, self.comment = request, code, comment


class ObsWebSocket:
    """A connection that has said hello.

    Raises OSError when OBS is not there, and its ConnectionError when OBS leaves.
    """

    def __init__(self, port: int, password: str, timeout_s: float = 15.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._received = b""
        self._numbers = count(1)
        try:
            self._upgrade(port)
            self._identify(password)
        except BaseException:
            self._socket.close()
            raise

    def request(self, request_type: str, **data: Any) -> dict[str, Any]:
        """Send one request and return its responseData; raises ObsRequestError if OBS refuses it."""
        number = str(next(self._numbers))
        body = {"requestType": request_type, "requestId": number, "requestData": data}
        self._send({"op": REQUEST, "d": body})
        while True:
            message = self._receive()
            answer = message["d"]
            if message["op"] == RESPONSE and answer["requestId"] == number:
                break
        status = answer["requestStatus"]
        if not status["result"]:
            raise ObsRequestError(request_type, status["code"], status.get("comment", ""))
        return answer.get("responseData") or {}

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> ObsWebSocket:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _upgrade(self, port: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: obswebsocket.json\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._received:
            self._fill()
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(f"port {port} is not an obs-websocket server: {head[:80]!r}")

    def _identify(self, password: str) -> None:
        hello = self._receive()["d"]
        identify: dict[str, Any] = {"rpcVersion": 1, "eventSubscriptions": 0}
        if challenge := hello.get("authentication"):
            secret = _sha256_base64(password + challenge["salt"])
            identify["authentication"] = _sha256_base64(secret + challenge["challenge"])
        self._send({"op": IDENTIFY, "d": identify})
        if self._receive()["op"] != IDENTIFIED:
            raise ConnectionError("obs-websocket did not accept the password")

    def _send(self, message: dict[str, Any]) -> None:
        self._send_frame(OP_TEXT, json.dumps(message).encode())

    def _send_frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        mask = os.urandom(4)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        masked = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
        self._socket.sendall(head + mask + masked)

    def _receive(self) -> dict[str, Any]:
        parts: list[bytes] = []
        while True:
            last, opcode, payload = self._receive_frame()
            if opcode == OP_PING:
                self._send_frame(OP_PONG, payload)
            elif opcode == OP_CLOSE:
                raise ConnectionError(f"OBS closed the web socket: {payload[2:].decode(errors='replace')}")
            elif opcode in (OP_TEXT, OP_CONTINUE):
                parts.append(payload)
                if last:
                    return json.loads(b"".join(parts))

    def _receive_frame(self) -> tuple[bool, int, bytes]:
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        if size > MAX_MESSAGE_BYTES:
            raise ConnectionError(f"a message of {size} bytes is more than OBS ever sends")
        return bool(first & 0x80), first & 0x0F, self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._fill()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _fill(self) -> None:
        more = self._socket.recv(1 << 18)
        if not more:
            raise ConnectionError("OBS closed the connection")
        self._received += more


def _sha256_base64(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
