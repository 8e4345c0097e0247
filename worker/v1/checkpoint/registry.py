# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that v1 knows by name, with their licences. Torch-free.

Invariant: a checkpoint whose licence restricts use is never downloaded before it has been shown and accepted.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownModel:
    """name: what the user says; repo: hub id; licence: its name; must_accept: ask before the first download;
    schedule: "lcm" or "ddim"; summary: one line for a list; terms: the licence in short, shown when asking."""

    name: str
    repo: str
    licence: str
    licence_url: str
    summary: str
    schedule: str
    must_accept: bool = False
    terms: str = ""


DEFAULT_MODEL = "lcm-dreamshaper-v7"
DEFAULT_AUTOENCODER = "madebyollin/taesd"
KNOWN_LORAS = {"lcm-lora": "latent-consistency/lcm-lora-sdv1-5"}  # makes any SD 1.5 checkpoint few-step
DEFAULT_TOKENIZER = "openai/clip-vit-large-patch14"  # for single files, which bring none
_HUB = "https://huggingface.co"

KNOWN_MODELS = (
    KnownModel("lcm-dreamshaper-v7", "SimianLuo/LCM_Dreamshaper_v7", "MIT", f"{_HUB}/SimianLuo/LCM_Dreamshaper_v7",
               "Stable Diffusion 1.5 (Dreamshaper), distilled to 4 steps; the default", "lcm"),
    KnownModel("sd-turbo", "stabilityai/sd-turbo", "Stability AI Community License",
               f"{_HUB}/stabilityai/sd-turbo/blob/main/LICENSE.md", "Stable Diffusion 2.1, distilled to 1-4 steps",
               "ddim", must_accept=True,
               terms="Free for research, for non-commercial use and for commercial use below a yearly revenue that the "
                     "licence names; above it an Enterprise licence from Stability AI is needed. You must keep the "
                     "licence's notices and follow Stability AI's Acceptable Use Policy. This is a summary, the "
                     "licence's own text decides."),
)


def known_model(reference: str) -> KnownModel | None:
    """By name or hub id; None for everything else."""
    return next((model for model in KNOWN_MODELS if reference.lower() in (model.name, model.repo.lower())), None)
