# SPDX-License-Identifier: Apache-2.0
"""The look a stream's settings ask for: its layers and prompt put together into conditions and a strength.

Called by the worker's loop thread, and by the control thread to check a look before it is applied. Invariant: pure;
the same settings give the same look. Which preset or whose command a layer came from makes no difference here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

from mirage_lsd.shared.messages.look import KEEP
from mirage_lsd.shared.messages.settings import Layer, StreamSettings
from mirage_lsd.worker.models.conditions import COLOR_FIELDS, PATTERN_COLOR, Conditions, parse_conditions

LAYER_FIELDS: dict[str, tuple[str, ...]] = {
    "prompt": tuple(field.name for field in fields(Conditions)),
    "outfit": ("upper", "upper_color", "pattern", "lower", "lower_color"),
    "hair": ("hair", "hair_color"),
    "scene": ("scene",),
    "light": ("light",),
}
"""What each layer is about. Faces ("smile") have no layer of their own: they are words of a prompt."""


@dataclass(frozen=True)
class Look:
    """conditions: what to change and what to keep; strength: 0.0 (the source) … 1.0 (the whole look)."""

    conditions: Conditions
    strength: float


def look_for(settings: StreamSettings) -> Look:
    """The look of these settings: each layer over those before it, the prompt over all.

    Raises UnknownWordError for a word outside the vocabulary.
    """
    return _look(settings.layers, settings.prompt, settings.strength)


def prompt_of(settings: StreamSettings) -> str:
    """The same look as one text, for a model that takes free words: what was said last comes first."""
    said = [layer.words for layer in reversed(settings.layers) if layer.words != KEEP]
    return ", ".join(part for part in (settings.prompt, *said) if part)


def lay_over(base: Conditions, top: Conditions) -> Conditions:
    """`base` with everything that `top` names put in its place; what `top` keeps stays as in `base`."""
    named = {field.name: getattr(top, field.name) for field in fields(top) if field.name not in COLOR_FIELDS}
    named = {name: value for name, value in named.items() if value != "keep" and name != "pattern"}
    colors = {name: getattr(top, name) for name in COLOR_FIELDS if getattr(top, name) is not None}
    if top.upper != "keep" or top.pattern != "plain":
        named["pattern"] = top.pattern  # a new garment brings its own pattern, plain included
    return replace(base, **named, **colors)


def strangers(layer: str, conditions: Conditions) -> list[str]:
    """The parts of the look that these conditions name although the layer is not about them."""
    plain = Conditions()
    elsewhere = [name for name in LAYER_FIELDS["prompt"] if name not in LAYER_FIELDS[layer]]
    return [name for name in elsewhere if getattr(conditions, name) != getattr(plain, name)]


@lru_cache(maxsize=64)
def _look(layers: tuple[Layer, ...], prompt: str, strength: float) -> Look:
    conditions = Conditions()
    for layer in layers:
        if layer.words == KEEP:
            plain = Conditions()
            conditions = replace(conditions, **{name: getattr(plain, name) for name in LAYER_FIELDS[layer.name]})
        else:
            conditions = lay_over(conditions, parse_conditions(layer.words))
    conditions = lay_over(conditions, parse_conditions(prompt))
    if conditions.pattern != "plain" and conditions.upper_color is None:  # "striped top": a pattern needs a cloth
        conditions = replace(conditions, upper_color=PATTERN_COLOR)
    return Look(conditions, 0.0 if conditions.keeps_everything else strength)
