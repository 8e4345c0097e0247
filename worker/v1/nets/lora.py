# SPDX-License-Identifier: Apache-2.0
"""LoRA files laid onto the weights once, at load: no cost per frame. LCM-LoRA makes any SD 1.5 checkpoint few-step.

Known layouts: lora_unet_*/lora_te_* with lora_down, lora_up and alpha; and unet.*/text_encoder.* with lora_A and
lora_B (or lora.down, lora.up). Invariant: either every matrix of the file is added or nothing is changed.
"""
from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor, nn

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.tensors import read_tensors

_ENDINGS = {".lora_down.weight": "down", ".lora_up.weight": "up", ".alpha": "alpha", ".lora_A.weight": "down",
            ".lora_B.weight": "up", ".lora.down.weight": "down", ".lora.up.weight": "up"}
_PREFIXES = (("lora_unet_", "unet"), ("lora_te_", "text"), ("unet.", "unet"), ("text_encoder.", "text"))


def fuse_lora(nets: dict[str, nn.Module], path: Path, scale: float = 1.0) -> int:
    """Add a LoRA to "unet" and "text" of `nets`; gives how many weights were changed. Raises CheckpointError."""
    matrices = _grouped(read_tensors(path, torch.float32), path)
    targets = {kind: _weights_by_name(net) for kind, net in nets.items()}
    changes = [_change(targets, key, parts, path) for key, parts in matrices.items()]
    with torch.no_grad():
        for weight, delta in changes:
            weight.add_((scale * delta).to(weight.dtype))
    return len(changes)


def _grouped(tensors: dict[str, Tensor], path: Path) -> dict[tuple[str, str], dict[str, Tensor]]:
    """(net, module's name with "_" for ".") -> its down, up and alpha."""
    groups: dict[tuple[str, str], dict[str, Tensor]] = defaultdict(dict)
    for name, value in tensors.items():
        ending = next((ending for ending in _ENDINGS if name.endswith(ending)), None)
        start = next((item for item in _PREFIXES if name.startswith(item[0])), None)
        if ending is None or start is None:
            raise CheckpointError(f"{path.name} is no LoRA that this version knows: it holds {name}; use a LoRA for "
                                  "Stable Diffusion 1.5 in safetensors form", "lora_wrong")
        module = name[len(start[0]) : -len(ending)].replace(".processor", "").replace(".", "_")
        groups[start[1], module][_ENDINGS[ending]] = value
    if not groups:
        raise CheckpointError(f"{path.name} holds no tensors; download the LoRA again", "lora_wrong")
    return groups


def _change(targets: dict[str, dict[str, Tensor]], key: tuple[str, str], parts: dict[str, Tensor], path: Path
            ) -> tuple[Tensor, Tensor]:
    """The weight that a group is for, and what is to be added to it."""
    kind, module = key
    weight = targets.get(kind, {}).get(module.removeprefix("text_model_"))
    if weight is None:
        raise CheckpointError(f"{path.name} changes {module}, which this checkpoint's {kind} does not have; it was "
                              "made for another model (SDXL, SD 2.x?)", "lora_wrong")
    if not {"down", "up"} <= set(parts):
        raise CheckpointError(f"{path.name} is incomplete: {module} has no {'up' if 'down' in parts else 'down'} "
                              "matrix; download it again", "lora_wrong")
    down, up = parts["down"], parts["up"]
    rank = down.shape[0]
    if up.shape[1] != rank or up.shape[0] * down.flatten(1).shape[1] != weight.numel():
        raise CheckpointError(f"{path.name}: {module} is {tuple(up.shape)} x {tuple(down.shape)}, which does not fit "
                              f"this checkpoint's {tuple(weight.shape)}; it was made for another model", "lora_wrong")
    alpha = float(parts["alpha"]) if "alpha" in parts else rank
    return weight, (up.flatten(1) @ down.flatten(1)).reshape(weight.shape) * (alpha / rank)


def _weights_by_name(net: nn.Module) -> dict[str, Tensor]:
    """Weights of linear and convolution layers by module name, "_" for "."."""
    return {name.removeprefix("text_model.").replace(".", "_"): module.weight for name, module in net.named_modules()
            if isinstance(module, nn.Linear | nn.Conv2d)}
