# SPDX-License-Identifier: Apache-2.0
"""The tiny autoencoder (TAESD's architecture, Bohan 2023, our code): RGB pictures <-> Stable Diffusion latents.

Tensor names are those of diffusers' AutoencoderTiny. Latents are in the U-Net's scale (TAESD needs no scaling
factor). Runs once a frame each way.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.v1.graphs.config import LATENT_CHANNELS, SdConfigError


@dataclass(frozen=True)
class TaesdConfig:
    """Widths and numbers of blocks at 1, 1/2, 1/4, 1/8 size (encoder) and back (decoder)."""

    width: int = 64
    encoder_blocks: tuple[int, ...] = (1, 3, 3, 3)
    decoder_blocks: tuple[int, ...] = (3, 3, 3, 1)

    @classmethod
    def from_diffusers(cls, described: dict[str, Any]) -> TaesdConfig:
        """From the config.json of an AutoencoderTiny. Raises SdConfigError."""
        kind = described.get("_class_name", "")
        if kind != "AutoencoderTiny":
            raise SdConfigError(f"the autoencoder is a {kind or 'nameless one'}; mirage-lsd-v1 needs a tiny "
                                "autoencoder (AutoencoderTiny) such as madebyollin/taesd")
        widths = {width for half in ("encoder", "decoder")
                  for width in described.get(f"{half}_block_out_channels", (64,))}
        latent, act = described.get("latent_channels", 4), described.get("act_fn", "relu")
        scaling, shift = described.get("scaling_factor", 1.0), described.get("shift_factor", 0.0)
        if len(widths) != 1 or latent != LATENT_CHANNELS or act != "relu" or scaling != 1.0 or shift != 0.0:
            raise SdConfigError("the tiny autoencoder is not one for Stable Diffusion 1.x/2.x latents; "
                                "use madebyollin/taesd")
        return cls(widths.pop(), tuple(described.get("num_encoder_blocks", cls.encoder_blocks)),
                   tuple(described.get("num_decoder_blocks", cls.decoder_blocks)))


class ResidualBlock(nn.Module):
    """Three convolutions around a residual."""

    def __init__(self, width: int):
        super().__init__()
        convs = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(convs[0], nn.ReLU(), convs[1], nn.ReLU(), convs[2])

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x) + x)


class _Layers(nn.Module):
    """Named as in the checkpoint: encoder.layers.N, decoder.layers.N."""

    def __init__(self, layers: list[nn.Module]):
        super().__init__()
        self.layers = nn.Sequential(*layers)


class Taesd(nn.Module):
    """encode: picture [B,3,h,w] 0..1 -> latent [B,4,h/8,w/8]; decode: back, clamped to 0..1."""

    def __init__(self, config: TaesdConfig):
        super().__init__()
        self.config = config
        self.encoder = _Layers(_encoder(config))
        self.decoder = _Layers(_decoder(config))

    def encode(self, picture: Tensor) -> Tensor:
        return self.encoder.layers(picture)

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


def _encoder(config: TaesdConfig) -> list[nn.Module]:
    width = config.width
    layers: list[nn.Module] = []
    for place, blocks in enumerate(config.encoder_blocks):
        layers.append(nn.Conv2d(width, width, 3, 2, 1, bias=False) if place else nn.Conv2d(3, width, 3, padding=1))
        layers += [ResidualBlock(width) for _ in range(blocks)]
    return [*layers, nn.Conv2d(width, LATENT_CHANNELS, 3, padding=1)]


def _decoder(config: TaesdConfig) -> list[nn.Module]:
    width = config.width
    layers: list[nn.Module] = [nn.Conv2d(LATENT_CHANNELS, width, 3, padding=1), nn.ReLU()]
    for blocks in config.decoder_blocks[:-1]:
        layers += [ResidualBlock(width) for _ in range(blocks)]
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
    layers += [ResidualBlock(width) for _ in range(config.decoder_blocks[-1])]
    return [*layers, nn.Conv2d(width, 3, 3, padding=1)]
