# SPDX-License-Identifier: Apache-2.0
"""A pronunciation for words that PocketSphinx's dictionary lacks, by rules of English spelling.

Called while the PocketSphinx engine takes a grammar. The rules are a first guess, good for names like "hoodie" or
"cyberpunk"; the guess is reported so that the user can respell the phrase. Phones are ARPAbet as in cmudict, without
stress. Order: a few fixed words, a known word with an ending, two known words joined, letter rules. Invariant: any
word of letters gets at least one pronunciation; anything else is refused with VoiceError.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mirage_lsd.worker.senses.voice.errors import VoiceError

_FIXED = {
    "mirage": ("M ER AA ZH", "M IH R AA ZH", "M IH R AA JH", "M AH R AA ZH"),
    "hoodie": ("HH UH D IY",),
    "beanie": ("B IY N IY",),
    "camo": ("K AE M OW",),
}
_ENDINGS = (("ies", "y", "Z"), ("es", "", "IH Z"), ("s", "", "Z"), ("ing", "", "IH NG"), ("ing", "e", "IH NG"),
            ("ed", "", "D"), ("ed", "e", "D"), ("er", "", "ER"), ("er", "e", "ER"), ("y", "", "IY"),
            ("ie", "", "IY"), ("ish", "", "IH SH"), ("ly", "", "L IY"), ("less", "", "L AH S"))
# spelling -> phones; the longest that fits at a place is taken. "^" is the word's start, "$" its end.
_LETTERS = {
    "tion": "SH AH N", "sion": "ZH AH N", "ture": "CH ER", "ough": "AO", "augh": "AO", "eigh": "EY", "igh": "AY",
    "tch": "CH", "dge": "JH", "sch": "S K", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K",
    "ng": "NG", "nk": "NG K", "qu": "K W", "^kn": "N", "^wr": "R", "^ps": "S", "^x": "Z", "mb$": "M", "gue$": "G",
    "oo": "UW", "ook": "UH K", "ee": "IY", "ea": "IY", "ai": "EY", "ay": "EY", "oa": "OW", "ou": "AW", "ow": "OW",
    "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ei": "EY", "ey$": "IY", "ey": "EY", "ie": "IY", "ew": "UW",
    "ue$": "UW", "ui": "UW", "ar": "AA R", "are$": "EH R", "air": "EH R", "er": "ER", "ir": "ER", "ur": "ER",
    "or": "AO R", "ore": "AO R", "ear": "IH R", "ce": "S", "ci": "S IH", "cy": "S AY", "ge$": "JH", "gi": "JH IH",
    "y$": "IY", "^y": "Y", "le$": "AH L", "e$": "", "o$": "OW", "a$": "AH", "i$": "IY", "a": "AE", "b": "B",
    "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M",
    "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S",
    "y": "IH", "z": "Z",
}
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
_LONGEST = max(map(len, _LETTERS))


def pronunciations(word: str, lookup: Callable[[str], str | None]) -> tuple[str, ...]:
    """Phones for a word, most likely first. lookup gives a dictionary's phones for a word, or None.

    Raises VoiceError(bad_phrase) for what is not made of letters.
    """
    word = word.lower()
    if not re.fullmatch(r"[a-z]+(?:['-][a-z]+)*", word):
        raise VoiceError(f"{word!r} cannot be pronounced; write it in the letters a to z", "bad_phrase")
    if word in _FIXED:
        return _FIXED[word]
    parts = re.split(r"['-]", word)
    if len(parts) > 1:
        return (" ".join(lookup(part) or pronunciations(part, lookup)[0] for part in parts),)
    known = _with_ending(word, lookup) or _joined(word, lookup)
    return (known,) if known else (_by_letters(word),)


def _with_ending(word: str, lookup: Callable) -> str | None:
    for ending, instead, sound in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < 2:
            continue
        for form in (stem + instead, stem[:-1] if stem[-1] == stem[-2] else ""):
            if form and (phones := lookup(form)):
                return f"{phones} {sound}"
    return None


def _joined(word: str, lookup: Callable) -> str | None:
    """cyberpunk = cyber + punk: both halves known and of three letters or more."""
    for cut in range(len(word) - 3, 2, -1):
        first, second = lookup(word[:cut]), lookup(word[cut:])
        if first and second:
            return f"{first} {second}"
    return None


def _by_letters(word: str) -> str:
    phones: list[str] = []
    place = 0
    while place < len(word):
        if re.match(r"[aeiouy][bcdfghjklmnprstvz]e$", word[place:]):  # a long vowel before a silent e
            phones.append(_LONG[word[place]])
            place += 1
            continue
        size, sound = _longest(word, place)
        phones += sound.split()
        place += size
        if place < len(word) and word[place] == word[place - 1] and word[place] not in "aeiou":
            place += 1  # a double consonant sounds once
    return " ".join(phones) or "AH"


def _longest(word: str, place: int) -> tuple[int, str]:
    for size in range(_LONGEST, 0, -1):
        piece = word[place : place + size]
        if len(piece) < size:
            continue
        keys = [piece]
        if place == 0:
            keys.insert(0, "^" + piece)
        if place + size == len(word):
            keys.insert(0, piece + "$")
        for key in keys:
            if key in _LETTERS:
                return size, _LETTERS[key]
    return 1, ""
