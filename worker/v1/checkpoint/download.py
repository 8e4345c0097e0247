# SPDX-License-Identifier: Apache-2.0
"""One file over HTTP: told as it comes, resumed where it stopped, taken only when its digest is right.

Called by hub.py. (huggingface_hub's own downloads start over after the program has ended.) Invariant: the final name
exists only for a whole file with the stated digest; what arrived of it lies beside it as NAME.partial.
"""
from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import errors
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from mirage_lsd.worker.v1.checkpoint.errors import HubError

Told = Callable[[int, int], None]  # (bytes so far, bytes in all; 0 when unknown)
_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 20.0
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # between tries after a dropped connection


def download(url: str, path: Path, digest: str, told: Told | None = None) -> None:
    """Fetch to `path`. digest: "sha256:..." or "git:...". Raises HubError for a wrong digest, else what the client
    raises (errors.HTTPError, OSError)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    for pause_s in (*_PAUSES_S, None):
        try:
            _append(url, partial, told)
            break
        except errors.HfHubHTTPError:
            raise  # an answer, not a dropped connection
        except errors.HTTPError:
            if pause_s is None:
                raise
            time.sleep(pause_s)
    kind, _, wanted = digest.partition(":")
    if file_digest(partial, kind) != wanted:
        partial.unlink()
        raise HubError(f"{path.name} arrived damaged (its digest is not the one that the hub states) and was deleted; "
                       "try again", "hub_checksum")
    os.replace(partial, path)


def _append(url: str, partial: Path, told: Told | None) -> None:
    """Ask for what is missing of the file and append it."""
    done = partial.stat().st_size if partial.exists() else 0
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT_S, follow_redirects=True) as response:
        if response.status_code == 416:  # nothing is missing
            return
        hf_raise_for_status(response)
        if response.status_code != 206:
            done = 0  # the server sends all of it again
        whole = done + int(response.headers.get("Content-Length") or 0)
        with partial.open("ab" if done else "wb") as file:
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                if told is not None:
                    told(done, whole)


def file_digest(path: Path, kind: str) -> str:
    """Hex digest; kind "sha256", or "git" for git's name of the file's content."""
    digest = hashlib.sha256()
    if kind == "git":
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
