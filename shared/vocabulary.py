# SPDX-License-Identifier: Apache-2.0
"""The words that mirage-lsd-tiny knows: what a prompt may say, read the same in every process.

The OBS half refuses by it at once, before anything is sent; the worker makes its looks of it (what the words mean to
the model is in worker/models/conditions.py). Invariant: pure. A model that takes free text has no use for it.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any

from mirage_lsd.shared.errors import MirageError

Color = tuple[int, int, int]  # sRGB, 0 … 255

UPPERS = ("keep", "t-shirt", "shirt", "hoodie", "jacket", "leather jacket", "suit", "dress")
PATTERNS = ("plain", "stripes", "check", "dots", "camouflage", "floral", "neon trim")
LOWERS = ("keep", "trousers", "jeans", "shorts", "skirt")
HAIRS = ("keep", "short", "long", "bun", "bald", "hat")
EXPRESSIONS = ("keep", "smile", "surprised")
SCENES = ("city night", "forest", "beach", "sci-fi", "studio", "space")  # places, each with its pictures
TRANSPARENT, BLURRED = BACKGROUNDS = ("transparent", "blurred")  # what becomes of the source's own place
LIGHTS = ("keep", "daylight", "sunset", "night", "neon")
CATEGORIES: dict[str, tuple[str, ...]] = {
    "upper": UPPERS, "pattern": PATTERNS, "lower": LOWERS, "hair": HAIRS, "expression": EXPRESSIONS,
    "scene": ("keep", *SCENES, *BACKGROUNDS), "light": LIGHTS,
}

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

# phrase -> (field, value); longer phrases win over shorter ones.
WORDS: dict[str, tuple[str, str]] = {
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
    **{word: ("scene", TRANSPARENT) for word in (TRANSPARENT, "transparent background", "no background",
                                                 "remove background", "remove the background", "cut out", "cutout")},
    **{word: ("scene", BLURRED) for word in (BLURRED, "blurred background", "blur", "blur background",
                                             "blur the background", "bokeh")},
    **{word: ("light", word) for word in LIGHTS[1:]}, **{f"{word} light": ("light", word) for word in LIGHTS[1:]},
    "neon lights": ("light", "neon"), "evening": ("light", "sunset"),
}
FILLERS = frozenset(("a", "an", "the", "in", "at", "on", "of", "by", "my", "to", "me", "wearing", "wear", "put",
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


def nearest_words(word: str, known: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Up to three known words that look most like `word`."""
    words = known if known is not None else (*WORDS, *COLORS)
    return tuple(dict.fromkeys(difflib.get_close_matches(word.lower(), words, n=3, cutoff=0.6)))


def read_words(text: str) -> list[list[tuple[str, Any]]]:
    """What a text names: for each of its phrases (kind, value), where kind is one of CATEGORIES, "color" or "filler".

    Raises UnknownWordError for a word that is not known.
    """
    phrases = []
    for phrase in re.split(r"[,;.\n]|\band\b|\bwith\b", text.lower()):
        words = _length_next_to_hair(re.findall(r"#[0-9a-f]{6}|[a-z]+", phrase.replace("-", " ")))
        named, place = [], 0
        while place < len(words):
            size, kind, value = _longest(words, place)
            named.append((kind, value))
            place += size
        phrases.append(named)
    return phrases


def unknown_word(text: str) -> UnknownWordError | None:
    """The refusal of a text, None where every word is known."""
    unknown = _first_unknown(text)
    return UnknownWordError(*unknown) if unknown is not None else None


@lru_cache(maxsize=256)
def _first_unknown(text: str) -> tuple[str, tuple[str, ...]] | None:
    try:
        read_words(text)
    except UnknownWordError as error:
        return error.word, error.nearest
    return None


def _length_next_to_hair(words: list[str]) -> list[str]:
    """"long blonde hair" in the order the vocabulary knows it: blonde, long hair."""
    hair = words.index("hair") if "hair" in words else 0
    length = next((word for word in words[:hair] if word in ("long", "short")), None)
    if length is None:
        return words
    place = words.index(length)
    return [*words[:place], *words[place + 1 : hair], length, *words[hair:]]


def _longest(words: list[str], place: int) -> tuple[int, str, Any]:
    """Longest known phrase at a place: (words used, kind, value)."""
    for size in (3, 2, 1):
        phrase = " ".join(words[place : place + size])
        if len(words) < place + size:
            continue
        for key in (phrase, phrase.replace(" ", "-")):
            if key in WORDS:
                return size, *WORDS[key]
            if key in COLORS:
                return size, "color", COLORS[key]
    word = words[place]
    if word.startswith("#"):
        return 1, "color", tuple(int(word[i : i + 2], 16) for i in (1, 3, 5))
    if word in FILLERS:
        return 1, "filler", None
    raise UnknownWordError(word, nearest_words(word))
