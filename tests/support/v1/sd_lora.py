# SPDX-License-Identifier: Apache-2.0
"""LoRA files for the tests, and what they should do to a net, as layers of their own."""

from __future__ import annotations

import torch


def lora_tensors(unet, layout: str, rank: int = 3) -> dict[str, object]:
    """A LoRA on a linear, a 1x1 and a 3x3 convolution, alpha half its rank."""
    torch.manual_seed(3)
    names = ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "down_blocks.0.attentions.0.proj_in",
             "mid_block.resnets.0.conv1")
    tensors = {}
    for name in names:
        weight = unet.get_submodule(name).weight
        down = torch.randn(rank, *weight.shape[1:])
        up = torch.randn(weight.shape[0], rank, *([1] * (weight.ndim - 2)))
        if layout == "kohya":
            stem = f"lora_unet_{name.replace('.', '_')}"
            tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
            tensors[f"{stem}.alpha"] = torch.tensor(1.5)
        else:
            tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    return tensors


def hooked(unet, stem: str, tensors, layout: str, scale: float):
    down_name, up_name = ("lora_down", "lora_up") if layout == "kohya" else ("lora_A", "lora_B")
    wanted = stem.removeprefix("lora_unet_").removeprefix("unet.").replace(".", "_")
    name = next(name for name, _ in unet.named_modules() if name.replace(".", "_") == wanted)
    layer = unet.get_submodule(name)
    down, up = tensors[f"{stem}.{down_name}.weight"], tensors[f"{stem}.{up_name}.weight"]

    def add(module, inputs, output):
        x = inputs[0]
        if down.ndim == 2:
            return output + scale * torch.nn.functional.linear(torch.nn.functional.linear(x, down), up)
        return output + scale * torch.conv2d(torch.conv2d(x, down, padding=down.shape[2] // 2), up)

    return layer.register_forward_hook(add)
