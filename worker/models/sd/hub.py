# SPDX-License-Identifier: Apache-2.0
"""Downloads of model files by hub id: with progress, resumed where it stopped, checked against the hub's digests.

Called on the loading thread or by the command line. Files land in huggingface_hub's cache layout below the user's data
folder; the list of a repository is kept at the revision first seen, so that a start needs no network and nothing
changes under the user. Invariant: a file is handed out only after its digest has been compared once.
"""
from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read by the import below

import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.utils import tqdm

from mirage_lsd.worker.models.sd.errors import CheckpointError, HubError
from mirage_lsd.worker.models.sd.places import models_dir

Progress = Callable[[str, int, int], None]  # (file, bytes so far, bytes in all), on the downloading thread
_CHUNK_BYTES = 1 << 22
_LIST_TIMEOUT_S = 10.0


@dataclass
class RepoListing:
    """files: name -> digest, "sha256:..." or, for small files kept in git, "git:..."; verified: names checked."""

    revision: str
    files: dict[str, str]
    verified: list[str] = field(default_factory=list)


@dataclass
class Hub:
    """One hub and one cache. endpoint None: the usual hub, or HF_ENDPOINT; offline: never ask the network."""

    folder: Path = field(default_factory=models_dir)
    endpoint: str | None = None
    offline: bool = False
    progress: Progress | None = None

    def listing(self, repo: str) -> RepoListing:
        """What a repository holds; from the network only the first time. Raises HubError."""
        path = self._listing_path(repo)
        try:
            return RepoListing(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            pass  # not fetched yet, or damaged: fetch it
        found = self._asked(repo, lambda: self._fetch_listing(repo))
        self._save(repo, found)
        return found

    def fetch(self, repo: str, name: str) -> Path:
        """One file on disk, whole and checked. Raises HubError."""
        listing = self.listing(repo)
        if name not in listing.files:
            raise HubError(f"{repo} has no file {name}; it is not a checkpoint that this version can load",
                           "checkpoint_missing_file")
        found = huggingface_hub.try_to_load_from_cache(repo, name, cache_dir=self.folder, revision=listing.revision)
        path = Path(found) if isinstance(found, str) else self._asked(repo, lambda: self._download(repo, name, listing))
        if name not in listing.verified:
            self._verify(repo, name, path, listing.files[name])
            listing.verified.append(name)
            self._save(repo, listing)
        return path

    def _download(self, repo: str, name: str, listing: RepoListing) -> Path:
        return Path(huggingface_hub.hf_hub_download(
            repo, name, revision=listing.revision, cache_dir=self.folder, endpoint=self.endpoint,
            tqdm_class=_bar_class(name, self.progress)))

    def _fetch_listing(self, repo: str) -> RepoListing:
        info = huggingface_hub.HfApi(endpoint=self.endpoint).model_info(repo, files_metadata=True,
                                                                        timeout=_LIST_TIMEOUT_S)
        files = {item.rfilename: f"sha256:{item.lfs.sha256}" if item.lfs else f"git:{item.blob_id}"
                 for item in info.siblings or ()}
        return RepoListing(info.sha or "main", files)

    def _asked(self, repo: str, ask: Callable):
        """`ask()` with every way it can fail told plainly."""
        if self.offline:
            raise HubError(f"{repo} is not on this computer yet and offline use was asked for; run `mirage-lsd models "
                           f"get {repo}` once with a network", "hub_offline")
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
            raise _network_error(repo, error, self.folder) from error

    def _verify(self, repo: str, name: str, path: Path, digest: str) -> None:
        kind, _, wanted = digest.partition(":")
        if file_digest(path, kind) != wanted:
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise HubError(f"{name} of {repo} arrived damaged (its digest is not the hub's) and was deleted; try again",
                           "hub_checksum")

    def _listing_path(self, repo: str) -> Path:
        return self.folder / "listings" / f"{repo.replace('/', '--')}.json"

    def _save(self, repo: str, listing: RepoListing) -> None:
        path = self._listing_path(repo)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(json.dumps(vars(listing)), encoding="utf-8")
            os.replace(partial, path)
        except OSError as error:
            raise CheckpointError(f"the models' folder {self.folder} cannot be written: {error.strerror}; set "
                                  "MIRAGE_LSD_MODELS to one that can", "hub_no_space") from error


def file_digest(path: Path, kind: str) -> str:
    """Hex digest; kind "sha256", or "git" for git's name of the file's content."""
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % path.stat().st_size,
                                                                    usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _network_error(repo: str, error: Exception, folder: Path) -> HubError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return HubError(f"the hub refused {repo} (HTTP {status}); try again later", "hub_failed")
    if getattr(error, "errno", None) == errno.ENOSPC:
        return HubError(f"no space left in {folder} for {repo}; free some, or set MIRAGE_LSD_MODELS", "hub_no_space")
    return HubError(f"{repo} cannot be fetched: no connection to the hub ({error}). What arrived is kept, the download "
                    "goes on there next time. Check the network, or give a folder or .safetensors file", "hub_offline")


def _bar_class(name: str, progress: Progress | None) -> type:
    """A progress bar that shows nothing and tells `progress`."""

    class Bar(tqdm):
        def __init__(self, *args, **options):
            self._seen, self._whole = options.get("initial") or 0, options.get("total") or 0
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1):
            self._seen += n or 0
            if progress is not None:
                progress(name, int(self._seen), int(self._whole))
            return super().update(n)

    return Bar
