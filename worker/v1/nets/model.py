# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1 as one torch module, and its graphs (graphs.py) as modules with flat tensors.

Made by load.py or random_checkpoint.py; used by the engines and the export.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mirage_lsd.worker.engines.device.eager import load_model
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS
from mirage_lsd.worker.v1.graphs.config import SdConfig
from mirage_lsd.worker.v1.graphs.frames import IngestGraph, UpscaleGraph
from mirage_lsd.worker.v1.graphs.graphs import anchor_names, cache_names, conv_cache_names, kv_cache_names
from mirage_lsd.worker.v1.graphs.sampling import start_latent, step_update
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule
from mirage_lsd.worker.v1.graphs.shapes import SdShapes
from mirage_lsd.worker.v1.graphs.source import EncodeGraph, FlowGraph
from mirage_lsd.worker.v1.graphs.warping import WarpGraph
from mirage_lsd.worker.v1.nets.taesd import Taesd
from mirage_lsd.worker.v1.nets.temporal import Past
from mirage_lsd.worker.v1.nets.unet import SdUNet


@dataclass(frozen=True)
class ModelInfo:
    """name: what to call it; fingerprint: changes with the weights (the key of compiled engines); notes: for status."""

    name: str = "mirage-lsd-v1"
    fingerprint: str = "none"
    notes: tuple[str, ...] = field(default_factory=tuple)


class MirageV1(nn.Module):
    """All nets. `text` and the LSD-tiny nets (`flow`, `encoder`) are given; only U-Net and autoencoder have `dtype`."""

    def __init__(self, unet: SdUNet, autoencoder: Taesd, text: nn.Module, flow: nn.Module, encoder: nn.Module,
                 schedule: FewStepSchedule, tokenizer: object, info: ModelInfo = ModelInfo()):
        super().__init__()
        self.unet, self.autoencoder, self.text, self.flow, self.encoder = unet, autoencoder, text, flow, encoder
        self.schedule, self.tokenizer, self.info = schedule, tokenizer, info

    @property
    def config(self) -> SdConfig:
        return self.unet.config

    @property
    def dtype(self) -> torch.dtype:
        """The number type of "half" tensors."""
        return self.unet.conv_in.weight.dtype

    def placed(self, device: str | torch.device, dtype: torch.dtype) -> MirageV1:
        """On a device; U-Net, autoencoder and text encoder in dtype, LSD-tiny's nets in float32. On a graphics card
        the convolutions' weights lie channels last, as its tensor cores take them; else each step would turn them."""
        for net in (self.unet, self.autoencoder, self.text):
            net.to(device, dtype)
        if torch.device(device).type == "cuda":
            self.unet.to(memory_format=torch.channels_last)
            self.autoencoder.to(memory_format=torch.channels_last)
        for net in (self.flow, self.encoder):
            net.to(device, torch.float32)
        return self.eval()


def load_tiny_nets() -> tuple[nn.Module, nn.Module]:
    """LSD-tiny's shipped flow net and source encoder, which v1 sees motion and garments with, frozen. WeightsError."""
    tiny = load_model(DEFAULT_WEIGHTS).requires_grad_(False)
    return tiny.flow, tiny.encoder


class TextGraph(nn.Module):
    def __init__(self, text: nn.Module):
        super().__init__()
        self.text = text

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.text(input_ids).last_hidden_state


class StartGraph(nn.Module):
    def forward(self, source_latent: Tensor, latent: Tensor, occlusion: Tensor, noise: Tensor, mix: Tensor) -> Tensor:
        return start_latent(source_latent, latent, occlusion, noise, mix)


class DenoiseGraph(nn.Module):
    """One step: net, update, and the caches it writes. `rest`: see graphs.py (guidance?, ..., caches, anchors)."""

    def __init__(self, unet: SdUNet):
        super().__init__()
        self.unet = unet
        self._levels = dict(enumerate(unet.config.levels))

    def forward(self, latent: Tensor, timestep: Tensor, step: Tensor, noise: Tensor, tokens: Tensor, *rest: Tensor
                ) -> tuple[Tensor, ...]:
        config = self.unet.config
        guidance, rest = (rest[0], rest[1:]) if config.guidance else (None, rest)
        source_latent, edit_mask, occlusion, history, *state = rest
        past = self._past(state, occlusion, history)
        prediction, kept = self.unet(latent, timestep, tokens, guidance, past)
        following = step_update(latent, prediction.float(), step, noise, source_latent, edit_mask,
                                config.prediction == "v_prediction")
        return following, *self._written(kept, past)

    def _past(self, state: list[Tensor], occlusion: Tensor, history: Tensor) -> Past:
        config = self.unet.config
        names = (*cache_names(config), *anchor_names(config))
        given = dict(zip(names, state, strict=True))
        return Past({name[2:]: given[name] for name in kv_cache_names(config)},
                    {name[1:]: given[name] for name in anchor_names(config)},
                    {name[1:]: given[name] for name in conv_cache_names(config)}, 1.0 - occlusion, history)

    def _written(self, kept: dict[str, Tensor], past: Past) -> list[Tensor]:
        config = self.unet.config
        convs = [kept[name[1:]] for name in conv_cache_names(config)]
        kvs = [past.written(name[2:], *kept[name[2:]].shape[2:]) for name in kv_cache_names(config)]
        return [*convs, *kvs]


class DecodeGraph(nn.Module):
    def __init__(self, autoencoder: Taesd, dtype: torch.dtype):
        super().__init__()
        self.autoencoder, self._dtype = autoencoder, dtype

    def forward(self, latent: Tensor) -> Tensor:
        return self.autoencoder.decode(latent.to(self._dtype))


def graph_modules(model: MirageV1, shapes: SdShapes) -> dict[str, nn.Module]:
    """The module of every graph in graphs.py for the given sizes, in evaluation mode."""
    modules = {
        "text": TextGraph(model.text), "ingest": IngestGraph(shapes.working_px[::-1], model.dtype),
        "flow": FlowGraph(model.flow, shapes),
        "encode": EncodeGraph(model.autoencoder, model.encoder, shapes, model.dtype), "warp": WarpGraph(),
        "start": StartGraph(), "denoise": DenoiseGraph(model.unet),
        "decode": DecodeGraph(model.autoencoder, model.dtype), "upscale": UpscaleGraph(),
    }
    return {name: module.eval() for name, module in modules.items()}
