# SPDX-License-Identifier: Apache-2.0
"""A client for obs-websocket 5 (the server inside OBS 28 and newer), over the package websocket-client.

Used by obs_session.py from the demo's and the tests' main thread. One request at a time: a request waits for
its own answer, and events are not asked for.
"""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import count
from typing import Any

import websocket

IDENTIFY, IDENTIFIED, REQUEST, RESPONSE = 1, 2, 6, 7
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
        self._numbers = count(1)
        self._socket = websocket.WebSocket(skip_utf8_validation=True)  # in Python; a screenshot has a million letters
        try:
            self._socket.settimeout(timeout_s)
            self._socket.connect(f"ws://127.0.0.1:{port}", subprotocols=["obswebsocket.json"], http_no_proxy=["*"])
            self._identify(password)
        except BaseException as error:
            self.close()
            if isinstance(error, websocket.WebSocketException):
                raise ConnectionError(f"port {port} is not an obs-websocket server: {error}") from error
            raise

    def request(self, request_type: str, **data: Any) -> dict[str, Any]:
        """Send one request and return its responseData; raises ObsRequestError if OBS refuses it."""
        number = str(next(self._numbers))
        self._send(REQUEST, {"requestType": request_type, "requestId": number, "requestData": data})
        while True:
            kind, answer = self._receive()
            if kind == RESPONSE and answer["requestId"] == number:
                break
        status = answer["requestStatus"]
        if not status["result"]:
            raise ObsRequestError(request_type, status["code"], status.get("comment", ""))
        return answer.get("responseData") or {}

    def close(self) -> None:
        self._socket.shutdown()

    def _identify(self, password: str) -> None:
        _, hello = self._receive()
        identify: dict[str, Any] = {"rpcVersion": 1, "eventSubscriptions": 0}
        if challenge := hello.get("authentication"):
            secret = _sha256_base64(password + challenge["salt"])
            identify["authentication"] = _sha256_base64(secret + challenge["challenge"])
        self._send(IDENTIFY, identify)
        if self._receive()[0] != IDENTIFIED:
            raise ConnectionError("obs-websocket did not accept the password")

    def _send(self, kind: int, content: dict[str, Any]) -> None:
        self._socket.send(json.dumps({"op": kind, "d": content}))

    def _receive(self) -> tuple[int, dict[str, Any]]:
        try:
            text = self._socket.recv()
        except websocket.WebSocketTimeoutException as error:
            raise TimeoutError(str(error)) from error
        except websocket.WebSocketConnectionClosedException as error:
            raise ConnectionError("OBS closed the connection") from error
        if not text:
            raise ConnectionError("OBS closed the web socket")
        message = json.loads(text)
        return message["op"], message["d"]


def _sha256_base64(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
