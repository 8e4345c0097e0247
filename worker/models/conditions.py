# SPDX-License-Identifier: Apache-2.0
"""What the streamer asks for: `Conditions`, the words it is written in, and the arrays the model takes.

Torch-free. A prompt is phrases separated by commas, semicolons, "and", "with", "in" or line breaks, in any
order; case and hyphens do not matter. A phrase names a garment, a hair style, an expression, a scene or a
light, with an optional colour and pattern before it:

    "red leather jacket, city at night"        "striped blue t-shirt and black jeans"
    "long blonde hair, smile"                  "#336699 hoodie, forest, sunset light"

A colour followed by "top", "clothes" or "outfit" recolours the garment being worn and keeps its shape
("green top"); "trousers"/"jeans" etc. take a colour in the same way. A garment without a colour gets its
usual one (DEFAULT_COLORS). Words the vocabulary does not have raise UnknownWordError, which lists the
nearest known ones. An empty prompt keeps everything.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.vocabulary import (  # noqa: F401  the lists of words are part of this contract
    BACKGROUNDS,
    BLURRED,
    CATEGORIES,
    COLORS,
    EXPRESSIONS,
    HAIRS,
    LIGHTS,
    LOWERS,
    PATTERNS,
    SCENES,
    TRANSPARENT,
    UPPERS,
    WORDS,
    Color,
    UnknownWordError,
    nearest_words,
    read_words,
)

COLOR_FIELDS = ("upper_color", "lower_color", "hair_color")

DEFAULT_COLORS: dict[str, Color] = {
    "t-shirt": (200, 30, 35), "shirt": (238, 238, 235), "hoodie": (128, 128, 130), "jacket": (25, 40, 100),
    "leather jacket": (25, 25, 28), "suit": (40, 42, 52), "dress": (120, 18, 28), "trousers": (60, 62, 70),
    "jeans": (55, 80, 125), "shorts": (170, 155, 105), "skirt": (25, 25, 28),
    "short": (60, 40, 28), "long": (60, 40, 28), "bun": (60, 40, 28), "hat": (25, 35, 75),
}
TABLE_ROWS: dict[str, int] = {**{field: len(words) for field, words in CATEGORIES.items()}, "scene": 1 + len(SCENES)}
"""Of the nets' tables of words. The scene's ids are 0 and 1 alone (`to_tokens`), so that BACKGROUNDS need no rows."""
PATTERN_COLOR: Color = COLORS["white"]  # what a pattern is printed on where no colour is said


@dataclass(frozen=True)
class Conditions:
    """One look. Words from CATEGORIES; colours are sRGB triples 0..255 or None for "as it is"."""

    upper: str = "keep"
    upper_color: Color | None = None
    pattern: str = "plain"
    lower: str = "keep"
    lower_color: Color | None = None
    hair: str = "keep"
    hair_color: Color | None = None
    expression: str = "keep"
    scene: str = "keep"
    light: str = "keep"

    def __post_init__(self) -> None:
        for field, words in CATEGORIES.items():
            if getattr(self, field) not in words:
                raise UnknownWordError(str(getattr(self, field)), nearest_words(str(getattr(self, field)), words))
        for field in COLOR_FIELDS:
            color = getattr(self, field)
            if color is not None and (len(color) != 3 or not all(0 <= part <= 255 for part in color)):
                raise MirageError(f"{field} must be three numbers 0..255 (sRGB) or None, got {color!r}", "bad_color")

    @property
    def keeps_everything(self) -> bool:
        return self == Conditions() or self == Conditions(pattern=self.pattern)

    @property
    def changes_person(self) -> bool:
        """Whether it is about more than the scene and the light."""
        return not replace(self, scene="keep", light="keep").keeps_everything

    def to_tokens(self) -> tuple[np.ndarray, np.ndarray]:
        """What the nets are told: ids int64 [1,7] in CATEGORIES order, colors float32 [1,3,4] (0, 0, 0, given 0 or 1).

        Only what changes shape: colours (but for "given"), pattern, which scene and light are put on outside the nets,
        so that any of them works exactly (apply_layer.py). The scene's id is 1 where there is one.
        """
        ids = np.array([[words.index(getattr(self, field)) for field, words in CATEGORIES.items()]], np.int64)
        fields = list(CATEGORIES)
        ids[0, [fields.index("pattern"), fields.index("light")]] = 0
        ids[0, fields.index("scene")] = int(self.scene != "keep")
        colors = np.zeros((1, 3, 4), np.float32)
        colors[0, :, 3] = [getattr(self, field) is not None for field in COLOR_FIELDS]
        return ids, colors


def vocabulary() -> dict[str, tuple[str, ...]]:
    """Every phrase a prompt may use, by kind."""
    kinds: dict[str, list[str]] = {field: [] for field in CATEGORIES}
    for phrase, (field, _) in WORDS.items():
        kinds[field].append(phrase)
    return {**{field: tuple(phrases) for field, phrases in kinds.items()}, "color": (*COLORS, "#rrggbb")}


def parse_conditions(text: str) -> Conditions:
    """Text in the vocabulary -> Conditions. Raises UnknownWordError for a word it does not know."""
    look = Conditions()
    for named in read_words(text):
        look = _apply_phrase(look, named)
    return look


def _apply_phrase(look: Conditions, named: list[tuple[str, object]]) -> Conditions:
    """One phrase: colours and a pattern stick to the next thing named; a lone colour to the thing before."""
    color: Color | None = None
    for kind, value in named:
        if kind == "color":
            color = value
        elif kind != "filler":
            look = _set(look, kind, value, color)
            color = None if kind != "pattern" else color
    if color is not None:  # "a suit in navy", or just "red"
        look = replace(look, upper_color=color)
    return look


def _set(look: Conditions, kind: str, value: str, color: Color | None) -> Conditions:
    """Set one field, with its colour: the one said, else the one already said, else the usual one."""
    look = replace(look, **{kind: value})
    field = {"upper": "upper_color", "lower": "lower_color", "hair": "hair_color"}.get(kind)
    if field is None:
        return look
    return replace(look, **{field: color or getattr(look, field) or DEFAULT_COLORS.get(value)})
