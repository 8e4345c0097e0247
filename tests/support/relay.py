# SPDX-License-Identifier: Apache-2.0
"""Somebody in the middle of a connection: forwards TCP on the loopback interface, and keeps what the client said.

One thread a connection; `said` may be read after the client has closed. Invariant: bytes are forwarded unchanged and in
order, but for what a test asks: `hold` stops forwarding the client's, `echo` sends each of its pieces twice.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

CHUNK_BYTES = 65536
HOST = "127.0.0.1"


class Relay:
    """`port`: where to connect instead of at `target`. `said`: the client's bytes, one list for each connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.said: list[list[bytes]] = []
        self.hold = self.echo = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_error: object) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, server = self._listener.accept()[0], socket.create_connection((HOST, self._target))
                self._open += [client, server]
                self.said.append([])
                threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()
                threading.Thread(target=self._pump, args=(client, server, self.said[-1]), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, kept: list[bytes] | None) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if kept is not None:
                    kept.append(data)
                    if self.hold:
                        continue
                    if self.echo:
                        sink.sendall(data)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def replay(port: int, pieces: list[bytes], patience_s: float = 1.0) -> bytes:
    """Say on a new connection what was recorded, the next piece when an answer has come or after a while; returns what
    the server said until it closed the connection, or fell silent."""
    answer = b""
    with socket.create_connection((HOST, port)) as connection, suppress(ConnectionError):
        connection.settimeout(patience_s)
        for piece in (*pieces, b""):
            connection.sendall(piece)
            with suppress(TimeoutError):
                answer += connection.recv(CHUNK_BYTES)
    return answer
