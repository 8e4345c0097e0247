# SPDX-License-Identifier: Apache-2.0
"""Model files by hub id, kept in the user's data folder: FOLDER/OWNER--NAME/REVISION/path.

Called on the loading thread or by the command line. What a repository holds is asked once and kept, so that a start
needs no network and nothing changes under the user. Invariant: every file handed out has the hub's digest.
"""
from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read by the import below

import huggingface_hub
from huggingface_hub import errors

from mirage_lsd.worker.v1.checkpoint.download import Progress, download
from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError, HubError
from mirage_lsd.worker.v1.checkpoint.places import models_dir

_LIST_TIMEOUT_S = 10.0
_LISTING = "listing.json"


@dataclass(frozen=True)
class RepoListing:
    """files: name -> digest, "sha256:..." or, for small files kept in git, "git:..."."""

    revision: str
    files: dict[str, str]


@dataclass(frozen=True)
class Hub:
    """One hub and one folder. endpoint None: the usual hub, or HF_ENDPOINT; offline: never ask the network."""

    folder: Path = field(default_factory=models_dir)
    endpoint: str | None = None
    offline: bool = False
    progress: Progress | None = None

    def listing(self, repo: str) -> RepoListing:
        """What a repository holds; from the network only the first time. Raises HubError."""
        path = self._place(repo) / _LISTING
        try:
            return RepoListing(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            pass  # not fetched yet, or damaged
        found = self._asked(repo, lambda: self._fetch_listing(repo))
        self._asked(repo, lambda: _write(path, json.dumps(vars(found))))
        return found

    def fetch(self, repo: str, *names: str) -> Path:
        """The folder of a repository, with these files whole and checked. Raises HubError."""
        listing = self.listing(repo)
        folder = self._place(repo) / listing.revision
        for name in names:
            if name not in listing.files:
                raise HubError(f"{repo} has no file {name}; it is not a checkpoint that this version can load",
                               "checkpoint_missing_file")
            if not (folder / name).is_file():
                url = huggingface_hub.hf_hub_url(repo, name, revision=listing.revision, endpoint=self.endpoint)
                self._asked(repo, partial(download, url, folder / name, listing.files[name], name, self.progress))
        return folder

    def _place(self, repo: str) -> Path:
        return self.folder / repo.replace("/", "--")

    def _fetch_listing(self, repo: str) -> RepoListing:
        info = huggingface_hub.HfApi(endpoint=self.endpoint).model_info(repo, files_metadata=True,
                                                                        timeout=_LIST_TIMEOUT_S)
        files = {item.rfilename: f"sha256:{item.lfs.sha256}" if item.lfs else f"git:{item.blob_id}"
                 for item in info.siblings or ()}
        return RepoListing(info.sha or "main", files)

    def _asked(self, repo: str, ask: Callable[[], Any]) -> Any:
        """`ask()`, with every way it can fail told plainly."""
        if self.offline:
            raise HubError(f"{repo} is not whole on this computer and offline use was asked for; run "
                           f"`mirage-lsd models get {repo}` once with a network", "hub_offline")
        try:
            return ask()
        except errors.GatedRepoError as error:
            raise HubError(f"{repo} is given out only to accounts that asked for it: open its page on the hub, agree "
                           "there, then set HF_TOKEN to a token of that account", "hub_refused") from error
        except errors.RepositoryNotFoundError as error:
            raise HubError(f"the hub has no model {repo!r}, or it is private; check the spelling (OWNER/NAME)",
                           "hub_not_found") from error
        except errors.HFValidationError as error:
            raise HubError(f"{repo!r} is no hub id; give OWNER/NAME, a folder or a .safetensors file",
                           "hub_not_found") from error
        except (errors.HTTPError, OSError) as error:
            raise _told_plainly(repo, error, self.folder) from error


def _told_plainly(repo: str, error: Exception, folder: Path) -> CheckpointError:
    """What a failed request or write means."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    number = getattr(error, "errno", None)
    if isinstance(error, errors.HfHubHTTPError) and status is not None:
        return HubError(f"the hub refused {repo} (HTTP {status}); try again later", "hub_failed")
    if number == errno.ENOSPC:
        return HubError(f"no space left in {folder} for {repo}; free some, or set MIRAGE_LSD_MODELS", "hub_no_space")
    if number in (errno.EACCES, errno.EROFS, errno.EPERM):
        return HubError(f"the models' folder {folder} cannot be written; set MIRAGE_LSD_MODELS to one that can",
                        "hub_no_space")
    return HubError(f"{repo} cannot be fetched: no connection to the hub ({error}). What arrived is kept, the download "
                    "goes on there next time. Check the network, or give a folder or .safetensors file", "hub_offline")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
