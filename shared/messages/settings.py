# SPDX-License-Identifier: Apache-2.0
"""A stream's settings: everything the user can change about one filter, as one frozen value.

Made by the OBS half from the filter's properties, by voice and by the CLI; applied by the worker between two
frames. Invariant: an instance is always valid (FieldError otherwise) and is never changed, only replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.messages.fields import Checked, choice, flag, integer, nested_many, number, string

PIPELINES = ("lsd", "passthrough")
SIZES = ("tiny", "small", "medium", "large")
WORKING_SIZES = ("auto", *SIZES)
MODELS = ("mirage-lsd-tiny", "mirage-lsd-v1")
TINY, V1 = MODELS
DEVICES = ("auto", "cpu", "cuda", *(f"cuda:{index}" for index in range(16)))
EDIT_REGIONS = ("everything", "person", "background", "garment", "upper garment", "lower garment", "hair", "face")
TARGET_FPS = (24, 30, 60)
WHO = ("everyone", "nearest", "place")
EVERYONE, NEAREST, PLACE = WHO
MIN_STEPS, MAX_STEPS = 1, 5
MAX_SEED = 2**31 - 1
MAX_PROMPT_CHARS = 1000
MAX_NAME_CHARS = 64
MAX_CHECKPOINT_CHARS = 500
MAX_FADE_MS = 10_000
LAYERS = ("prompt", "outfit", "hair", "scene", "light")


@dataclass(frozen=True)
class Layer(Checked):
    """One part of a look. name: one of LAYERS; "prompt" is for words of any kind. words: what to put there, "keep"
    for what the camera sees. preset: the preset they come from, "" for none."""

    name: str = choice(*LAYERS)
    words: str = string(MAX_PROMPT_CHARS, min_chars=1)
    preset: str = string(MAX_NAME_CHARS, default="")


@dataclass(frozen=True)
class StreamSettings(Checked):
    """enabled: restyle at all. pipeline: which stages. layers: what to wear and where to be, oldest first, each
    laid over those before it. prompt: more words, laid over all layers. fade_ms: how long a change of the look comes
    up, 0 is a cut. strength: 0 changes nothing, 1 all it can. steps: denoising steps a frame.
    who: is restyled; "place": the one at (who_x, who_y), shares of the picture's width and height from its upper left.
    working_size: resolution the model works at, "auto": the largest that keeps pace. device: where it runs.
    seed: of the noise. target_fps: frames a second to aim at. keep_in_sync: hold source and sound until the
    processed frame is there.
    model: which model. The rest is for mirage-lsd-v1: checkpoint: a folder, file or hub id, "" for the default;
    structure_lock: how much of the source's layout stays, 0 to 1; edit_region: where the edit may show."""

    enabled: bool = flag(default=True)
    pipeline: str = choice(*PIPELINES, default="lsd")
    layers: tuple[Layer, ...] = nested_many(Layer, len(LAYERS), default=())
    prompt: str = string(MAX_PROMPT_CHARS, default="")
    fade_ms: int = integer(0, MAX_FADE_MS, default=0)
    strength: float = number(0.0, 1.0, default=1.0)
    who: str = choice(*WHO, default=EVERYONE)
    who_x: float = number(0.0, 1.0, default=0.5)
    who_y: float = number(0.0, 1.0, default=0.5)
    steps: int = integer(MIN_STEPS, MAX_STEPS, default=3)
    working_size: str = choice(*WORKING_SIZES, default="auto")
    device: str = choice(*DEVICES, default="auto")
    seed: int = integer(0, MAX_SEED, default=1)
    target_fps: int = choice(*TARGET_FPS, default=30)
    keep_in_sync: bool = flag(default=False)
    model: str = choice(*MODELS, default=TINY)
    checkpoint: str = string(MAX_CHECKPOINT_CHARS, default="")
    structure_lock: float = number(0.0, 1.0, default=0.5)
    edit_region: str = choice(*EDIT_REGIONS, default="everything")
