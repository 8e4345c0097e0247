# SPDX-License-Identifier: Apache-2.0
"""A small model hub on localhost: the real client talks to it as it does to the real one. It can misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REVISION = "0123456789abcdef0123456789abcdef01234567"


class HubServer:
    """Serves the folders of `repos` (id -> folder).

    cut_after: bytes of a file after which the connection is dropped, once; damage: names of files sent with a wrong
    byte; refuse: (status, error code header) to answer everything with. requests: (method, path, Range header).
    """

    def __init__(self, repos: dict[str, Path]) -> None:
        self.repos = repos
        self.cut_after: int | None = None
        self.damage: set[str] = set()
        self.refuse: tuple[int, str] | None = None
        self.requests: list[tuple[str, str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def listing(self, repo: str) -> dict:
        """What the hub's API says of a repository."""
        files = [path for path in sorted(self.repos[repo].rglob("*")) if path.is_file()]
        siblings = []
        for path in files:
            content = path.read_bytes()
            entry = {"rfilename": path.relative_to(self.repos[repo]).as_posix(), "size": len(content),
                     "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}
            if path.suffix == ".safetensors":
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        return {"id": repo, "modelId": repo, "sha": REVISION, "private": False, "gated": False, "tags": [],
                "downloads": 0, "likes": 0, "siblings": siblings}


class _Handler(BaseHTTPRequestHandler):
    """Answers for one HubServer, which `_handler` puts in."""

    hub: HubServer

    def log_message(self, *args) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub = self.hub
        hub.requests.append((self.command, self.path, self.headers.get("Range")))
        if hub.refuse is not None:
            self._head(hub.refuse[0], 0, {"X-Error-Code": hub.refuse[1]})
            return
        path = self.path.partition("?")[0]
        repo = next((name for name in hub.repos if f"/{name}" in path), None)
        if repo is None:
            self._head(404, 0, {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("/api/"):
            content = json.dumps(hub.listing(repo)).encode()
            self._head(200, len(content), {"Content-Type": "application/json"})
            self.wfile.write(content)
        else:
            self._file(repo, path.split(f"/resolve/{REVISION}/")[-1], body)

    def _file(self, repo: str, name: str, body: bool) -> None:
        content = (self.hub.repos[repo] / name).read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        if name in self.hub.damage:
            content = content[:-1] + bytes([content[-1] ^ 0xFF])
        first = int((self.headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
        part = content[first:]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self._head(206 if first else 200, len(part), headers)
        cut_after = self.hub.cut_after
        if body and cut_after is not None and len(part) > cut_after:
            part, self.hub.cut_after, self.close_connection = part[:cut_after], None, True
        if body:
            with suppress(ConnectionError):  # the client may hang up on purpose
                self.wfile.write(part)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"hub": hub})
