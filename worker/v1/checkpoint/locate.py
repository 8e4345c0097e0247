# SPDX-License-Identifier: Apache-2.0
"""Where a checkpoint's files are: a diffusers folder, a single .safetensors file, or a hub id (fetched when missing).

Called on the loading thread or by the command line. Invariant: what `locate` gives is complete on disk.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.licences import Ask, require_licence
from mirage_lsd.worker.v1.checkpoint.registry import KNOWN_LORAS, known_model
from mirage_lsd.worker.v1.checkpoint.tensors import check_kind

_UNET, _TEXT, _VAE = "unet/diffusion_pytorch_model", "text_encoder/model", "vae/diffusion_pytorch_model"
# TAESD as its author first published it, the two halves apart.
ORIGINAL_TAESD = ("taesd_encoder.safetensors", "taesd_decoder.safetensors")
_NEEDED = ("unet/config.json", "text_encoder/config.json")
_WANTED = ("model_index.json", "scheduler/scheduler_config.json", "vae/config.json",
           *(f"tokenizer/{name}" for name in ("vocab.json", "merges.txt", "tokenizer_config.json", "tokenizer.json",
                                              "special_tokens_map.json")))


@dataclass(frozen=True)
class Located:
    """name: the reference as given. Either `single` or `files` (path inside the checkpoint -> path on disk)."""

    name: str
    single: Path | None = None
    files: dict[str, Path] = field(default_factory=dict)

    def weights(self, stem: str, half: bool) -> Path:
        """The weights of a part, the half-precision file first where `half`. Raises CheckpointError."""
        order = (f"{stem}.fp16.safetensors", f"{stem}.safetensors")
        for name in order if half else order[::-1]:
            if name in self.files:
                return self.files[name]
        raise _no_weights(self.name, stem)

    def described(self, name: str) -> dict[str, Any]:
        """A JSON file's content; {} where the checkpoint has no such file. Raises CheckpointError."""
        if name not in self.files:
            return {}
        try:
            found = json.loads(self.files[name].read_bytes())
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.files[name]} is damaged ({error}); delete it and download the checkpoint "
                                  "again", "checkpoint_truncated") from error
        return found if isinstance(found, dict) else {}


def locate(reference: str, hub: Hub, half: bool, ask: Ask | None = None) -> Located:
    """Find, and fetch if need be, a checkpoint. half: prefer half-precision files. Raises CheckpointError."""
    path = Path(reference).expanduser()
    if path.is_dir():
        return _folder(reference, path)
    if path.suffix in (".safetensors", ".ckpt", ".pt", ".pth", ".bin"):
        check_kind(path)
        return Located(reference, single=path)
    known = known_model(reference)
    if known is None and (reference.count("/") != 1 or reference.startswith((".", "/", "~"))):
        raise CheckpointError(f"there is no checkpoint {reference!r}: it is no folder, no .safetensors file and no hub "
                              "id (OWNER/NAME)", "checkpoint_not_found")
    if known is not None:
        require_licence(known, hub.folder, ask)
    return _from_hub(known.repo if known else reference, hub, half)


def locate_part(reference: str, name: str, hub: Hub, half: bool) -> Located:
    """A single-part repository or folder, such as a tiny autoencoder: config.json and `name`.safetensors."""
    path = Path(reference).expanduser()
    if path.is_dir():
        names = ("config.json", f"{name}.safetensors", f"{name}.fp16.safetensors", *ORIGINAL_TAESD)
        return Located(reference, files=_present(path, names))
    listing = hub.listing(reference).files
    wanted = ["config.json", _best(reference, listing, name, half)]
    return Located(reference, files={item: hub.fetch(reference, item) for item in wanted})


def locate_file(reference: str, hub: Hub) -> Path:
    """A LoRA's weights file: a known name, a path, or a hub id whose only or usual .safetensors file it is."""
    reference = KNOWN_LORAS.get(reference, reference)
    path = Path(reference).expanduser()
    if path.suffix or path.exists() or reference.count("/") != 1:
        check_kind(path)
        return path
    names = [name for name in hub.listing(reference).files if name.endswith(".safetensors")]
    usual = "pytorch_lora_weights.safetensors"
    if usual not in names and len(names) != 1:
        raise CheckpointError(f"{reference} has {len(names)} .safetensors files and none is called {usual}; download "
                              "the right one and give its path", "checkpoint_missing_file")
    return hub.fetch(reference, usual if usual in names else names[0])


def _folder(reference: str, path: Path) -> Located:
    stems = [f"{stem}{half}.safetensors" for stem in (_UNET, _TEXT, _VAE) for half in ("", ".fp16")]
    found = Located(reference, files=_present(path, (*_NEEDED, *_WANTED, *stems)))
    for name in _NEEDED:
        if name not in found.files:
            raise CheckpointError(f"the checkpoint folder {path} has no {name}; give the folder that holds unet, "
                                  "text_encoder, tokenizer and scheduler, complete", "checkpoint_missing_file")
    return found


def _from_hub(repo: str, hub: Hub, half: bool) -> Located:
    listing = hub.listing(repo).files
    for name in _NEEDED:
        if name not in listing:
            raise CheckpointError(f"{repo} has no {name}: it is no diffusers-format Stable Diffusion checkpoint",
                                  "checkpoint_missing_file")
    weights = [_best(repo, listing, stem, half) for stem in (_UNET, _TEXT)]
    wanted = [name for name in (*_NEEDED, *_WANTED, *weights) if name in listing]
    found = Located(repo, files={name: hub.fetch(repo, name) for name in wanted})
    if found.described("vae/config.json").get("_class_name") == "AutoencoderTiny":
        vae = _best(repo, listing, _VAE, half)
        found.files[vae] = hub.fetch(repo, vae)  # the usual big one is of no use here
    return found


def _best(repo: str, listing: dict[str, str], stem: str, half: bool) -> str:
    """The weights file to fetch. Raises CheckpointError."""
    order = (f"{stem}.fp16.safetensors", f"{stem}.safetensors")
    for name in order if half else order[::-1]:
        if name in listing:
            return name
    raise _no_weights(repo, stem)


def _no_weights(name: str, stem: str) -> CheckpointError:
    return CheckpointError(f"the checkpoint {name} has no {stem}.safetensors; it is incomplete, or holds only pickled "
                           ".bin weights, which can run code and are not opened; download its .safetensors form",
                           "checkpoint_missing_file")


def _present(folder: Path, names: tuple[str, ...] | list[str]) -> dict[str, Path]:
    return {name: folder / name for name in names if (folder / name).is_file()}
