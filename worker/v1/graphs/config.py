# SPDX-License-Identifier: Apache-2.0
"""Sizes of mirage-lsd-v1: the U-Net as its checkpoint describes it, and its temporal parts. Torch-free.

Invariant: a config that exists can be built; an architecture this version does not run is refused here, by name.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mirage_lsd.shared.errors import MirageError

GRAPHS_VERSION = 1  # bump when a graph's inputs, outputs or arithmetic change
LATENT_CHANNELS = 4
LATENT_FACTOR = 8  # picture px per latent cell
PROMPT_TOKENS = 77
MAX_STEPS = 5

_USE = "use a Stable Diffusion 1.x, LCM or SD-Turbo (2.1) checkpoint"
_DOWN = {"CrossAttnDownBlock2D": True, "DownBlock2D": False}
_UP = {"CrossAttnUpBlock2D": True, "UpBlock2D": False}
# Settings of other U-Nets of the diffusers family; with any of these the arithmetic would be another one.
_MUST_BE = {
    "act_fn": ("silu", "swish"), "resnet_time_scale_shift": ("default",),
    "mid_block_type": ("UNetMidBlock2DCrossAttn",), "time_embedding_type": ("positional",),
    "class_embed_type": (None,), "addition_embed_type": (None,),
    "encoder_hid_dim": (None,), "encoder_hid_dim_type": (None,), "num_class_embeds": (None,),
    "dual_cross_attention": (False,), "only_cross_attention": (False,),
    "transformer_layers_per_block": (1, [1, 1, 1, 1]),
    "conv_in_kernel": (3,), "conv_out_kernel": (3,), "center_input_sample": (False,), "downsample_padding": (1,),
    "mid_block_scale_factor": (1,), "attention_type": ("default",), "timestep_post_act": (None,),
    "time_embedding_act_fn": (None,), "resnet_skip_time_act": (False,), "reverse_transformer_layers_per_block": (None,),
    "dropout": (0.0,), "time_embedding_dim": (None,), "num_attention_heads": (None,),
    "flip_sin_to_cos": (True,), "freq_shift": (0,), "resnet_out_scale_factor": (1.0,), "cross_attention_norm": (None,),
    "mid_block_only_cross_attention": (None, False),
}


class SdConfigError(MirageError):
    """A checkpoint's description is not one that this version can run."""

    code = "sd_architecture"


@dataclass(frozen=True)
class TemporalConfig:
    """Which temporal parts there are; all False is the plain image model.

    attention: cross-frame attention over the kv_cache; anchor: also over the anchor frame, on every level but the
    finest, as in LSD-tiny; convs: temporal convolutions; gate: share of the previous frame's answer before training,
    anchor_gate: the same for the anchor frame's.
    """

    attention: bool = True
    anchor: bool = True
    convs: bool = True
    gate: float = 0.3
    anchor_gate: float = 0.1


TEMPORAL_OFF = TemporalConfig(attention=False, anchor=False, convs=False)


@dataclass(frozen=True)
class SdConfig:
    """The U-Net of SD 1.5, LCM or SD 2.1/Turbo kind.

    widths: channels per level, finest first; attends: whether a level has transformers; heads: per level;
    guidance: width of the guidance embedding (LCM), 0 where the model has none; prediction: "epsilon" or
    "v_prediction".
    """

    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    attends: tuple[bool, ...] = (True, True, True, False)
    heads: tuple[int, ...] = (8, 8, 8, 8)
    layers: int = 2
    token: int = 768
    groups: int = 32
    norm_eps: float = 1e-5
    linear_projection: bool = False
    guidance: int = 0
    prediction: str = "epsilon"
    temporal: TemporalConfig = field(default_factory=TemporalConfig)

    @property
    def levels(self) -> tuple[str, ...]:
        """Each level's name: picture px per cell, "8" first."""
        return tuple(str(LATENT_FACTOR * 2**i) for i in range(len(self.widths)))

    def attention_layers(self, level: int) -> int:
        """How many self-attentions work at this level, the middle block's included."""
        own = 2 * self.layers + 1 if self.attends[level] else 0
        return own + (1 if level == len(self.widths) - 1 else 0)

    def kv_channels(self, level: int) -> int:
        """Channels of the level's kv_cache: keys and values of all its self-attentions."""
        return 2 * self.widths[level] * self.attention_layers(level)

    @classmethod
    def from_diffusers(cls, described: dict[str, Any], prediction: str = "epsilon",
                       temporal: TemporalConfig | None = None) -> SdConfig:
        """From the unet/config.json of a diffusers folder. Raises SdConfigError."""
        _check(described)
        widths = tuple(described["block_out_channels"])
        attends = tuple(_DOWN[name] for name in described["down_block_types"])
        heads = described.get("attention_head_dim", 8)  # diffusers' name for what is the number of heads
        return cls(widths=widths, attends=attends, heads=_per_level(heads, len(widths)),
                   layers=described.get("layers_per_block", 2), token=described["cross_attention_dim"],
                   groups=described.get("norm_num_groups", 32), norm_eps=described.get("norm_eps", 1e-5),
                   linear_projection=bool(described.get("use_linear_projection", False)),
                   guidance=described.get("time_cond_proj_dim") or 0, prediction=_known_prediction(prediction),
                   temporal=temporal or TemporalConfig())


SD15 = SdConfig()
LCM_SD15 = SdConfig(guidance=256)
SD_TURBO = SdConfig(heads=(5, 10, 20, 20), token=1024, linear_projection=True)
SMALL_RANDOM = SdConfig(widths=(32, 32, 64, 64), heads=(2, 2, 4, 4), token=32, groups=8, guidance=32, layers=1)
SD_CONFIGS = {"sd15": SD15, "lcm-sd15": LCM_SD15, "sd-turbo": SD_TURBO, "tiny-random": SMALL_RANDOM}


def _per_level(value: int | list[int], levels: int) -> tuple[int, ...]:
    return (value,) * levels if isinstance(value, int) else tuple(value)


def _known_prediction(prediction: str) -> str:
    if prediction not in ("epsilon", "v_prediction"):
        raise SdConfigError(f"the checkpoint predicts {prediction!r}; this version runs epsilon and "
                            "v_prediction models")
    return prediction


def _check(described: dict[str, Any]) -> None:
    """Raise SdConfigError naming the first setting that this version does not run."""
    kind = described.get("_class_name", "UNet2DConditionModel")
    if kind != "UNet2DConditionModel":
        raise SdConfigError(f"the checkpoint holds a {kind}; {_USE}")
    for name, allowed in _MUST_BE.items():
        if described.get(name, allowed[0]) not in allowed:
            raise SdConfigError(f"the checkpoint's U-Net has {name}={described[name]!r}, this version runs "
                                f"{allowed[0]!r} (SDXL and other families do not fit); {_USE}")
    for name in ("block_out_channels", "down_block_types", "up_block_types", "cross_attention_dim"):
        if name not in described:
            raise SdConfigError(f"the checkpoint's unet/config.json does not say {name!r}; download it again")
    down, up = described["down_block_types"], described["up_block_types"]
    attends = [_DOWN.get(name) for name in down]
    if None in attends or [_UP.get(name) for name in up] != attends[::-1]:
        raise SdConfigError(f"the checkpoint's U-Net has the blocks {', '.join((*down, *up))}, which this version "
                            f"cannot run; {_USE}")
    for name in ("in_channels", "out_channels"):
        if described.get(name, LATENT_CHANNELS) != LATENT_CHANNELS:
            raise SdConfigError(f"the checkpoint's U-Net has {described[name]} {name}, this version runs "
                                f"{LATENT_CHANNELS} (inpainting, depth and instruct checkpoints do not fit); {_USE}")
