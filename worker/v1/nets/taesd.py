# SPDX-License-Identifier: Apache-2.0
"""The tiny autoencoder (TAESD, Bohan 2023), with diffusers' layers: RGB pictures <-> Stable Diffusion latents.

Latents are in the U-Net's scale (TAESD needs no scaling factor). Runs once a frame each way.
"""
from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import Tensor, nn

from mirage_lsd.worker.v1.graphs.config import LATENT_CHANNELS, SdConfigError

_MUST_BE = {"latent_channels": LATENT_CHANNELS, "act_fn": "relu", "scaling_factor": 1.0, "shift_factor": 0.0}
REAL = {"_class_name": "AutoencoderTiny"}
"""The config.json of madebyollin/taesd: all the usual sizes."""


class Taesd(nn.Module):
    """encode: picture [B,3,h,w] 0..1 -> latent [B,4,h/8,w/8]; decode: back, clamped to 0..1. described: the config.json
    of an AutoencoderTiny, else SdConfigError."""

    def __init__(self, described: dict[str, Any] = REAL):
        super().__init__()
        kind = described.get("_class_name", "")
        if kind != "AutoencoderTiny":
            raise SdConfigError(f"the autoencoder is a {kind or 'nameless one'}; mirage-lsd-v1 needs a tiny "
                                "autoencoder (AutoencoderTiny) such as madebyollin/taesd")
        if any(described.get(name, usual) != usual for name, usual in _MUST_BE.items()):
            raise SdConfigError("the tiny autoencoder is not one for Stable Diffusion 1.x/2.x latents; "
                                "use madebyollin/taesd")
        coder = AutoencoderTiny.from_config(described)
        self.encoder, self.decoder = coder.encoder, coder.decoder

    def encode(self, picture: Tensor) -> Tensor:
        return self.encoder.layers(picture)  # the encoder itself wants -1..1

    def decode(self, latent: Tensor) -> Tensor:
        return self.decode_raw(latent).clamp(0.0, 1.0)

    def decode_raw(self, latent: Tensor) -> Tensor:
        """Unclamped."""
        return self.decoder.layers(torch.tanh(latent / 3.0) * 3.0)


def from_original(encoder: dict[str, Tensor], decoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of taesd_encoder and taesd_decoder under AutoencoderTiny's names. There, the decoder's clamp is a
    layer of its own, so that its numbers are one more."""
    found = {f"encoder.layers.{name}": value for name, value in encoder.items()}
    for name, value in decoder.items():
        number, _, rest = name.partition(".")
        found[f"decoder.layers.{int(number) - 1}.{rest}"] = value
    return found
