# SPDX-License-Identifier: Apache-2.0
"""A look as a value: layers of words that compose, and a preset, which is a look with a name.

Used in every process: the OBS half keeps the looks, the worker draws them, controllers show them. Invariant: an
instance is valid (FieldError otherwise) and is never changed, only replaced. Words are text for a model; whether
one understands them is for vocabulary.py or the model to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.messages.fields import (
    Checked,
    choice,
    flag,
    integer,
    nested,
    nested_many,
    number,
    string,
    strings,
)
from mirage_lsd.shared.messages.settings import LAYERS, MAX_FADE_MS, MAX_NAME_CHARS, MAX_PROMPT_CHARS, MAX_SEED, Layer

KEEP = "keep"
"""Words of a layer that mean: as the camera sees it, whatever an older layer says."""
OWN_SEED = -1
GESTURES = ("", "open_palm", "fist", "thumbs_up", "victory", "swipe_left", "swipe_right")
MAX_PHRASES = 8
MAX_PHRASE_CHARS = 80
MAX_PRESETS = 256
MAX_TARGET_CHARS = 400
MAX_STATUS_CHARS = 2000


@dataclass(frozen=True)
class Look(Checked):
    """What one filter wears. layers: oldest first, each name at most once; a newer one is laid over the older.
    preset: the one applied last, "" for none. strength: 0 … 1, multiplied with the filter's own. seed: of the noise,
    OWN_SEED for the filter's own. fade_ms: how long it comes up over the look before it, 0 is a cut. off: the source
    is shown untouched."""

    layers: tuple[Layer, ...] = nested_many(Layer, len(LAYERS), default=())
    preset: str = string(MAX_NAME_CHARS, default="")
    strength: float = number(0.0, 1.0, default=1.0)
    seed: int = integer(OWN_SEED, MAX_SEED, default=OWN_SEED)
    fade_ms: int = integer(0, MAX_FADE_MS, default=0)
    off: bool = flag(default=False)

    def words(self, layer: str) -> str:
        """The words on a layer, "" where it is bare."""
        return next((worn.words for worn in self.layers if worn.name == layer), "")


@dataclass(frozen=True)
class Preset(Checked):
    """A look with a name. id: lower-case words joined by "-". outfit … prompt: the words it puts on each layer, ""
    where it leaves the layer alone, KEEP where it takes the layer off. obs_scene: the OBS scene to switch to, "" for
    none. phrases: what to say for it besides its name. gesture: the sign that calls it. note: what a user should know
    about it, such as a word that the shipped model lacks."""

    id: str = string(MAX_NAME_CHARS, min_chars=1)
    name: str = string(MAX_NAME_CHARS, min_chars=1)
    outfit: str = string(MAX_PROMPT_CHARS, default="")
    hair: str = string(MAX_PROMPT_CHARS, default="")
    scene: str = string(MAX_PROMPT_CHARS, default="")
    light: str = string(MAX_PROMPT_CHARS, default="")
    prompt: str = string(MAX_PROMPT_CHARS, default="")
    strength: float = number(0.0, 1.0, default=1.0)
    seed: int = integer(OWN_SEED, MAX_SEED, default=OWN_SEED)
    fade_ms: int = integer(0, MAX_FADE_MS, default=0)
    obs_scene: str = string(200, default="")
    phrases: tuple[str, ...] = strings(MAX_PHRASE_CHARS, MAX_PHRASES, default=())
    gesture: str = choice(*GESTURES, default="")
    note: str = string(400, default="")

    def layers(self) -> tuple[Layer, ...]:
        """The layers it sets, in the order in which they are laid one over the other."""
        named = ((name, getattr(self, name)) for name in LAYERS)
        return tuple(Layer(name, words, self.id) for name, words in named if words)

    def summary(self) -> str:
        """Its words in one line, for lists."""
        shown = ", ".join(layer.words for layer in self.layers() if layer.words != KEEP)
        return shown or "as the camera sees it"


@dataclass(frozen=True)
class FilterReport(Checked):
    """One filter as the look store tells of it. name: its target, "source/filter". generation: of the settings that
    the worker has acknowledged, as frames carry it. status: its status line."""

    name: str = string(MAX_TARGET_CHARS)
    look: Look = nested(Look)
    generation: int = integer(0)
    status: str = string(MAX_STATUS_CHARS, default="")
