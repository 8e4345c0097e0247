# SPDX-License-Identifier: Apache-2.0
"""Sizes of mirage-lsd-tiny. Torch-free, so that runtime, export and training read one truth.

`ARCHITECTURE` is stored in the weights file and checked at load: change it whenever a tensor's
meaning changes, so that old weights are refused instead of giving a wrong picture.
"""
from __future__ import annotations

from dataclasses import dataclass

ARCHITECTURE = "mirage-lsd-tiny/8"
GRAPHS_VERSION = 12  # bump when an exported graph's inputs, outputs or arithmetic change
LATENT_FACTOR = 8  # picture px per latent cell
REGIONS = ("background", "skin", "face", "hair", "upper", "lower", "other", "hat")
BUFFERS = ("red", "green", "blue", "alpha", "upper", "lower", "hair", "scene")  # of an edit layer; see autoencoder.py
DYES = slice(4, 7)  # those of BUFFERS that say how much is dyed
SURFACE = ("x", "z", "arm")  # canonical metres, sleeve coordinate; see encoder.py
# (channel of SURFACE, wavelength): hems, sleeves and strands end at certain places of the body, which a net reads more
# finely off waves of the surface's coordinates than off the coordinates themselves (Tancik et al. 2020).
WAVES = (*((channel, metres) for channel in (0, 1) for metres in (1.6, 0.8, 0.4, 0.2, 0.1)),
         *((2, length) for length in (4.0, 2.0, 1.0)))
FARTHEST = 4.0  # coordinate that is told apart: engines' sines fail on great angles
MAX_STEPS = 5
# Live, a layer's coverage is decided: this many times as steep, about the chance from which on it is better to paint
# than not (less for garments and hair, half for scenes). Half-covered, the old cloth shows through like a ghost.
DECISION, PAINTED_FROM, SCENE_FROM = 6.0, 0.3, 0.5


@dataclass(frozen=True)
class TinyConfig:
    """Channel counts of every net (all pictures NCHW, sides multiples of 32)."""

    latent: int = 24
    widths: tuple[int, int, int] = (48, 64, 96)  # denoiser and source features at 1/8, 1/16, 1/32
    token: int = 64  # width of a condition token
    region_token: int = 32  # what a region is told
    decoder: tuple[int, int, int] = (64, 32, 16)  # at 1/8, 1/4, 1/2
    upscaler: int = 16
    flow: int = 24
    motion: tuple[int, int, int] = (32, 64, 96)  # of the body's motion at 1/8, 1/16, 1/32
    stem: int = 32  # source features at 1/4 that guide the decoder
    parsed: int = 24  # and what the encoder found there: regions and surface


TINY = TinyConfig()

# (width_px, height_px) of the working picture by working_size name and aspect bucket.
BUCKETS: dict[str, tuple[tuple[int, int], ...]] = {
    "tiny": ((160, 96), (128, 96), (128, 128), (96, 128), (96, 160)),
    "small": ((224, 128), (192, 128), (160, 160), (128, 192), (128, 224)),
    "medium": ((320, 192), (256, 192), (224, 224), (192, 256), (192, 320)),
    "large": ((448, 256), (384, 288), (320, 320), (288, 384), (256, 448)),
}
USUAL_SIZE = "medium"  # what the model was trained at
AUTO_SIZES = ("tiny", "small", "medium")  # what "auto" chooses from, smallest first (worker/hosts/pace.py)


def working_size_px(width_px: int, height_px: int, size: str = USUAL_SIZE) -> tuple[int, int]:
    """(width_px, height_px) of the bucket nearest in aspect ratio to a source of the given size."""
    if size not in BUCKETS:
        raise ValueError(f"unknown working size {size!r}; use one of {', '.join(BUCKETS)}")
    if width_px <= 0 or height_px <= 0:
        raise ValueError(f"source size must be positive, got {width_px}x{height_px}")
    aspect = width_px / height_px
    return min(BUCKETS[size], key=lambda wh: abs((wh[0] / wh[1]) / aspect - 1) + abs(aspect / (wh[0] / wh[1]) - 1))
