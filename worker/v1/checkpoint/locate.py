# SPDX-License-Identifier: Apache-2.0
"""Where a checkpoint's files are: a diffusers folder, a single .safetensors file, or a hub id (fetched when missing).

Called on the loading thread or by the command line. Invariant: what is handed out is complete on disk.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.licences import Ask, require_licence
from mirage_lsd.worker.v1.checkpoint.registry import KNOWN_LORAS, known_model
from mirage_lsd.worker.v1.checkpoint.tensors import check_kind

WEIGHTS = "diffusion_pytorch_model"
UNET, TEXT, VAE = f"unet/{WEIGHTS}", "text_encoder/model", f"vae/{WEIGHTS}"
# TAESD as its author first published it, the two halves apart.
ORIGINAL_TAESD = ("taesd_encoder.safetensors", "taesd_decoder.safetensors")
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json")
_NEEDED = ("unet/config.json", "text_encoder/config.json")
_WANTED = ("model_index.json", "scheduler/scheduler_config.json", "vae/config.json",
           *(f"tokenizer/{name}" for name in TOKENIZER_FILES))
Has = Callable[[str], bool]  # whether a folder or a repository has a file of this name


def locate(reference: str, hub: Hub, half: bool, ask: Ask | None = None) -> Path:
    """A checkpoint's folder or single file, fetched if need be. half: prefer half-precision files. CheckpointError."""
    path = Path(reference).expanduser()
    if path.is_dir():
        _check_needed(reference, lambda name: (path / name).is_file())
        return path
    if path.suffix in (".safetensors", ".ckpt", ".pt", ".pth", ".bin"):
        check_kind(path)
        return path
    known = known_model(reference)
    if known is None and (reference.count("/") != 1 or reference.startswith((".", "/", "~"))):
        raise CheckpointError(f"there is no checkpoint {reference!r}: it is no folder, no .safetensors file and no hub "
                              "id (OWNER/NAME)", "checkpoint_not_found")
    if known is not None:
        require_licence(known, hub.folder, ask)
    return _from_hub(known.repo if known else reference, hub, half)


def locate_autoencoder(reference: str, hub: Hub, half: bool) -> Path:
    """The folder of a tiny autoencoder alone."""
    path = Path(reference).expanduser()
    if path.is_dir():
        return path
    has = hub.listing(reference).files.__contains__
    return hub.fetch(reference, "config.json", _best(reference, has, WEIGHTS, half))


def locate_tokenizer(reference: str, hub: Hub) -> Path:
    """A tokenizer's folder."""
    path = Path(reference).expanduser()
    if path.is_dir():
        return path
    return hub.fetch(reference, *(name for name in TOKENIZER_FILES if name in hub.listing(reference).files))


def locate_lora(reference: str, hub: Hub) -> Path:
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
    name = usual if usual in names else names[0]
    return hub.fetch(reference, name) / name


def weights_of(folder: Path, stem: str, half: bool) -> Path:
    """The weights of a part, the half-precision file first where `half`. Raises CheckpointError."""
    return folder / _best(str(folder), lambda name: (folder / name).is_file(), stem, half)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's content; {} where there is no such file. Raises CheckpointError."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); delete it and download the checkpoint again",
                              "checkpoint_truncated") from error
    return found if isinstance(found, dict) else {}


def _from_hub(repo: str, hub: Hub, half: bool) -> Path:
    has = hub.listing(repo).files.__contains__
    _check_needed(repo, has)
    weights = [_best(repo, has, stem, half) for stem in (UNET, TEXT)]
    folder = hub.fetch(repo, *_NEEDED, *filter(has, _WANTED), *weights)
    if read_json(folder / "vae/config.json").get("_class_name") == "AutoencoderTiny":
        hub.fetch(repo, _best(repo, has, VAE, half))  # the usual big one is of no use here
    return folder


def _check_needed(name: str, has: Has) -> None:
    for file in _NEEDED:
        if not has(file):
            raise CheckpointError(f"{name} has no {file}: it is no diffusers-format Stable Diffusion checkpoint, or "
                                  "not whole; needed are unet, text_encoder, tokenizer and scheduler",
                                  "checkpoint_missing_file")


def _best(name: str, has: Has, stem: str, half: bool) -> str:
    order = (f"{stem}.fp16.safetensors", f"{stem}.safetensors")
    for file in order if half else order[::-1]:
        if has(file):
            return file
    raise CheckpointError(f"the checkpoint {name} has no {stem}.safetensors; it is incomplete, or holds only pickled "
                          ".bin weights, which can run code and are not opened; download its .safetensors form",
                          "checkpoint_missing_file")
