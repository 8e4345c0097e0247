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

import difflib
import re
from dataclasses import dataclass, replace

import numpy as np

from mirage_lsd.shared.errors import MirageError

Color = tuple[int, int, int]

UPPERS = ("keep", "t-shirt", "shirt", "hoodie", "jacket", "leather jacket", "suit", "dress")
PATTERNS = ("plain", "stripes", "check", "dots", "camouflage", "floral", "neon trim")
LOWERS = ("keep", "trousers", "jeans", "shorts", "skirt")
HAIRS = ("keep", "short", "long", "bun", "bald", "hat")
EXPRESSIONS = ("keep", "smile", "surprised")
SCENES = ("city night", "forest", "beach", "sci-fi", "studio", "space")
LIGHTS = ("keep", "daylight", "sunset", "night", "neon")
CATEGORIES: dict[str, tuple[str, ...]] = {
    "upper": UPPERS, "pattern": PATTERNS, "lower": LOWERS, "hair": HAIRS, "expression": EXPRESSIONS,
    "scene": ("keep", *SCENES), "light": LIGHTS,
}
COLOR_FIELDS = ("upper_color", "lower_color", "hair_color")

COLORS: dict[str, Color] = {
    "black": (25, 25, 28), "white": (238, 238, 235), "grey": (128, 128, 130), "gray": (128, 128, 130),
    "silver": (185, 188, 192), "red": (200, 30, 35), "dark red": (120, 18, 28), "burgundy": (105, 20, 40),
    "pink": (235, 140, 175), "orange": (235, 125, 30), "yellow": (240, 205, 50), "gold": (205, 160, 50),
    "green": (40, 140, 60), "dark green": (22, 78, 45), "olive": (105, 110, 50), "mint": (160, 220, 190),
    "turquoise": (50, 185, 180), "cyan": (60, 200, 220), "teal": (20, 110, 115), "blue": (40, 80, 190),
    "light blue": (130, 180, 230), "dark blue": (25, 40, 100), "navy": (25, 35, 75), "purple": (110, 50, 150),
    "violet": (130, 75, 190), "magenta": (205, 45, 150), "brown": (105, 68, 42), "dark brown": (60, 40, 28),
    "tan": (200, 165, 120), "beige": (220, 205, 175), "cream": (240, 228, 200), "khaki": (170, 155, 105),
    "blonde": (215, 180, 115), "blond": (215, 180, 115), "ginger": (175, 85, 40),
}
DEFAULT_COLORS: dict[str, Color] = {
    "t-shirt": (200, 30, 35), "shirt": (238, 238, 235), "hoodie": (128, 128, 130), "jacket": (25, 40, 100),
    "leather jacket": (25, 25, 28), "suit": (40, 42, 52), "dress": (120, 18, 28), "trousers": (60, 62, 70),
    "jeans": (55, 80, 125), "shorts": (170, 155, 105), "skirt": (25, 25, 28),
    "short": (60, 40, 28), "long": (60, 40, 28), "bun": (60, 40, 28), "hat": (25, 35, 75),
}
PATTERN_COLOR: Color = COLORS["white"]  # what a pattern is printed on where no colour is said

# phrase -> (field, value); longer phrases win over shorter ones.
_WORDS: dict[str, tuple[str, str]] = {
    **{word: ("upper", word) for word in UPPERS[1:]},
    "tshirt": ("upper", "t-shirt"), "t shirt": ("upper", "t-shirt"), "tee": ("upper", "t-shirt"),
    "sweatshirt": ("upper", "hoodie"), "coat": ("upper", "jacket"), "blazer": ("upper", "suit"),
    "blouse": ("upper", "shirt"), "gown": ("upper", "dress"),
    **{word: ("upper", "keep") for word in ("top", "clothes", "outfit")},
    **{word: ("pattern", word) for word in PATTERNS},
    "striped": ("pattern", "stripes"), "stripe": ("pattern", "stripes"), "checked": ("pattern", "check"),
    "checkered": ("pattern", "check"), "plaid": ("pattern", "check"), "dotted": ("pattern", "dots"),
    "polka dot": ("pattern", "dots"), "polka dots": ("pattern", "dots"), "camo": ("pattern", "camouflage"),
    "flowers": ("pattern", "floral"), "flowered": ("pattern", "floral"),
    **{word: ("lower", word) for word in LOWERS[1:]}, "pants": ("lower", "trousers"),
    **{f"{word} hair": ("hair", word) for word in ("short", "long")},
    "hair": ("hair", "keep"), "bun": ("hair", "bun"), "hair bun": ("hair", "bun"), "bald": ("hair", "bald"),
    "hat": ("hair", "hat"), "cap": ("hair", "hat"), "beanie": ("hair", "hat"),
    "smile": ("expression", "smile"), "smiling": ("expression", "smile"), "happy": ("expression", "smile"),
    "surprised": ("expression", "surprised"), "surprise": ("expression", "surprised"),
    **{word: ("scene", word) for word in SCENES}, "city at night": ("scene", "city night"),
    "night city": ("scene", "city night"), "city": ("scene", "city night"), "sci fi": ("scene", "sci-fi"),
    "scifi": ("scene", "sci-fi"), "spaceship": ("scene", "sci-fi"), "woods": ("scene", "forest"),
    "seaside": ("scene", "beach"), "photo studio": ("scene", "studio"), "outer space": ("scene", "space"),
    **{word: ("light", word) for word in LIGHTS[1:]}, **{f"{word} light": ("light", word) for word in LIGHTS[1:]},
    "neon lights": ("light", "neon"), "evening": ("light", "sunset"),
}
_FILLERS = frozenset(("a", "an", "the", "in", "at", "on", "of", "by", "my", "to", "me", "wearing", "wear", "put",
                      "pair", "background", "scene", "style"))


class UnknownWordError(MirageError):
    """A word of the prompt is not in the vocabulary. `word` is it, `nearest` the known words most like it."""

    code = "unknown_word"

    def __init__(self, word: str, nearest: tuple[str, ...]) -> None:
        hint = f"did you mean {' or '.join(repr(item) for item in nearest)}?" if nearest else (
            "known are garments, colours, patterns, hair, expressions, scenes and lights; see vocabulary()")
        super().__init__(f"the prompt has the unknown word {word!r}; {hint}")
        self.word = word
        self.nearest = nearest


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
    for phrase, (field, _) in _WORDS.items():
        kinds[field].append(phrase)
    return {**{field: tuple(phrases) for field, phrases in kinds.items()}, "color": (*COLORS, "#rrggbb")}


def nearest_words(word: str, known: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Up to three known words that look most like `word`."""
    words = known if known is not None else (*_WORDS, *COLORS)
    return tuple(dict.fromkeys(difflib.get_close_matches(word.lower(), words, n=3, cutoff=0.6)))


def parse_conditions(text: str) -> Conditions:
    """Text in the vocabulary -> Conditions. Raises UnknownWordError for a word it does not know."""
    look = Conditions()
    for phrase in re.split(r"[,;.\n]|\band\b|\bwith\b", text.lower()):
        words = re.findall(r"#[0-9a-f]{6}|[a-z]+", phrase.replace("-", " "))
        look = _apply_phrase(look, _length_next_to_hair(words))
    return look


def _length_next_to_hair(words: list[str]) -> list[str]:
    """"long blonde hair" in the order the vocabulary knows it: blonde, long hair."""
    hair = words.index("hair") if "hair" in words else 0
    length = next((word for word in words[:hair] if word in ("long", "short")), None)
    if length is None:
        return words
    place = words.index(length)
    return [*words[:place], *words[place + 1 : hair], length, *words[hair:]]


def _apply_phrase(look: Conditions, words: list[str]) -> Conditions:
    """One phrase: colours and a pattern stick to the next thing named; a lone colour to the thing before."""
    color: Color | None = None
    place = 0
    while place < len(words):
        size, kind, value = _longest(words, place)
        place += size
        if kind == "color":
            color = value
        elif kind != "filler":
            look = _set(look, kind, value, color)
            color = None if kind != "pattern" else color
    if color is not None:  # "a suit in navy", or just "red"
        look = replace(look, upper_color=color)
    return look


def _longest(words: list[str], place: int) -> tuple[int, str, object]:
    """Longest known phrase at a place: (words used, kind, value)."""
    for size in (3, 2, 1):
        phrase = " ".join(words[place : place + size])
        if len(words) < place + size:
            continue
        for key in (phrase, phrase.replace(" ", "-")):
            if key in _WORDS:
                return size, *_WORDS[key]
            if key in COLORS:
                return size, "color", COLORS[key]
    word = words[place]
    if word.startswith("#"):
        return 1, "color", tuple(int(word[i : i + 2], 16) for i in (1, 3, 5))
    if word in _FILLERS:
        return 1, "filler", None
    raise UnknownWordError(word, nearest_words(word))


def _set(look: Conditions, kind: str, value: str, color: Color | None) -> Conditions:
    """Set one field, with its colour: the one said, else the one already said, else the usual one."""
    look = replace(look, **{kind: value})
    field = {"upper": "upper_color", "lower": "lower_color", "hair": "hair_color"}.get(kind)
    if field is None:
        return look
    return replace(look, **{field: color or getattr(look, field) or DEFAULT_COLORS.get(value)})
