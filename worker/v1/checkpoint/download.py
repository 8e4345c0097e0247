# SPDX-License-Identifier: Apache-2.0
"""One file over HTTP by huggingface_hub: resumed where it stopped, taken only when its digest is right.

Called by hub.py. (snapshot_download and hf_hub_download delete what arrived when the program ends, and check sizes
only; a checkpoint is gigabytes, and OBS may be closed at any time.) Invariant: the final name exists only for a whole
file with the stated digest; what arrived of it lies beside it as NAME.partial.
"""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import errors
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers
from huggingface_hub.utils.sha import git_hash, sha_fileobj

from mirage_lsd.worker.v1.checkpoint.errors import HubError

Progress = Callable[[str, int, int], None]  # (file, bytes so far, bytes in all; 0 when unknown)
_NOTHING_IS_MISSING = 416


class _Bar:
    """Stands for tqdm: tells `progress`."""

    def __init__(self, progress: Progress | None, name: str, total: int | None, initial: int, **_rest: object):
        self._progress, self._name, self._whole, self._done = progress, name, total or 0, initial

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def update(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._name, self._done, self._whole)


def download(url: str, path: Path, digest: str, name: str, progress: Progress | None = None) -> None:
    """Fetch to `path`. digest: "sha256:..." or "git:...". Raises HubError for a wrong digest, else what the client
    raises (errors.HTTPError, OSError)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    with partial.open("ab") as file:
        try:
            http_get(url, file, resume_size=file.tell(), headers=headers,
                     tqdm_class=lambda **given: _Bar(progress, name, **given))
        except errors.HfHubHTTPError as error:
            if error.response.status_code != _NOTHING_IS_MISSING:
                raise
    if not _is_whole(partial, digest):
        partial.unlink()
        raise HubError(f"{path.name} arrived damaged (its digest is not the one that the hub states) and was deleted; "
                       "try again", "hub_checksum")
    os.replace(partial, path)


def _is_whole(path: Path, digest: str) -> bool:
    kind, _, wanted = digest.partition(":")
    if kind == "git":
        return git_hash(path.read_bytes()) == wanted
    with path.open("rb") as file:
        return sha_fileobj(file).hex() == wanted
