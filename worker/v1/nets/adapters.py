# SPDX-License-Identifier: Apache-2.0
"""Trained temporal parts in a file of their own, apart from the checkpoint that they were trained on.

Written by worker/train/v1/adapters.py, read at load. Invariant: a file holds exactly the U-Net's temporal tensors and
says for which widths; anything else is refused.
"""
from __future__ import annotations

import os
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.tensors import read_with_metadata
from mirage_lsd.worker.v1.graphs.config import SdConfig
from mirage_lsd.worker.v1.nets.temporal import is_temporal
from mirage_lsd.worker.v1.nets.unet import SdUNet

FORMAT = "mirage-lsd-v1-adapters/1"


def temporal_tensors(unet: SdUNet) -> dict[str, Tensor]:
    """The temporal parts' tensors by name."""
    return {name: value for name, value in unet.state_dict().items() if is_temporal(name)}


def save_adapters(unet: SdUNet, path: Path, notes: dict[str, str] | None = None) -> None:
    """Write the temporal parts, atomically."""
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in temporal_tensors(unet).items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, {"format": FORMAT, "widths": _widths(unet.config), **(notes or {})})
    os.replace(partial, path)


def load_adapters(unet: SdUNet, path: Path) -> None:
    """Read the temporal parts into a U-Net. Raises CheckpointError."""
    found, metadata = read_with_metadata(path)
    wanted = temporal_tensors(unet)
    if metadata.get("format") != FORMAT or metadata.get("widths") != _widths(unet.config):
        made_for = f"{metadata.get('format', 'no format')}, widths {metadata.get('widths', 'unknown')}"
        raise CheckpointError(f"{path} is no adapter file for this U-Net: it says {made_for}, needed is {FORMAT}, "
                              f"widths {_widths(unet.config)}; train one with `mirage-lsd train-adapters`",
                              "adapters_wrong")
    if set(found) != set(wanted) or any(found[name].shape != wanted[name].shape for name in wanted):
        raise CheckpointError(f"{path} does not hold this U-Net's temporal parts (other switches were on when it was "
                              "trained); train it again", "adapters_wrong")
    unet.load_state_dict({name: found[name].to(wanted[name]) for name in wanted}, strict=False)


def _widths(config: SdConfig) -> str:
    return ",".join(map(str, config.widths))
