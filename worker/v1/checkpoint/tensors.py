# SPDX-License-Identifier: Apache-2.0
"""Reads safetensors files, with errors that say which file is damaged and how to mend it.

Called on the loading thread. Pickled weights (.bin, .ckpt, .pt) are refused: opening them runs code.
"""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError

_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16


def read_tensors(path: Path, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """Every tensor of a file on the CPU, floating ones as dtype. Raises CheckpointError."""
    check_kind(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"the weights file {path} is damaged or cut short ({error}); delete it and download it "
                              "again", "checkpoint_truncated") from error
    if dtype is not None:
        tensors = {name: value.to(dtype) if value.is_floating_point() else value for name, value in tensors.items()}
    return tensors


def check_kind(path: Path) -> None:
    """Raise CheckpointError unless the path is a safetensors file that exists."""
    if path.suffix in (".ckpt", ".pt", ".pth", ".bin"):
        raise CheckpointError(f"{path} is a pickled checkpoint, which can run code when opened; use its .safetensors "
                              "form", "checkpoint_unsafe")
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; check the path, or use a hub id such as OWNER/NAME",
                              "checkpoint_not_found")
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path} is no .safetensors file; give a diffusers folder, a .safetensors file or a hub "
                              "id", "checkpoint_not_found")


def fingerprint(*parts: Path | str) -> str:
    """16 hex digits that change with the files' weights: sizes, headers and samples all over (whole files would take
    seconds), and with the given texts."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
            continue
        size = part.stat().st_size
        digest.update(str(size).encode())
        with part.open("rb") as file:
            for i in range(_SAMPLES):
                file.seek(i * max(size - _SAMPLE_BYTES, 0) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def load_into(module: torch.nn.Module, tensors: dict[str, Tensor], what: str,
              skip: Callable[[str], bool] = lambda name: False) -> None:
    """Give a module its tensors, but those that `skip` names. Raises CheckpointError for a missing or misshapen one."""
    wanted = {name: value for name, value in module.state_dict().items() if not skip(name)}
    for name, value in wanted.items():
        found = tensors.get(name)
        if found is None:
            raise CheckpointError(f"{what} has no tensor {name}: the file is incomplete or of another architecture; "
                                  "download it again, or choose another checkpoint", "checkpoint_mismatch")
        if found.shape != value.shape:
            raise CheckpointError(f"{what}: tensor {name} is {tuple(found.shape)}, this architecture has "
                                  f"{tuple(value.shape)}; the config and the weights do not belong together",
                                  "checkpoint_mismatch")
    module.load_state_dict({name: tensors[name] for name in wanted}, strict=False, assign=True)
