# SPDX-License-Identifier: Apache-2.0
"""The shipped change to Whisper tiny.en, which helps it hear commands in noise, laid over the model.

Called once when the Whisper engine loads its default model; worker/train/voice/adapter.py made the file. For each
matrix it holds two thin ones whose product is added, for the convolutions the change itself. Invariant: only arrays
that the model has, in their shapes, are changed; everything else stays byte for byte.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from mirage_lsd.worker import models
from mirage_lsd.worker.senses.voice.engines.whisper_files import arrays_of
from mirage_lsd.worker.senses.voice.errors import VoiceError

FILE = Path(models.__file__).with_name("data") / "voice-adapter.safetensors"
DOWN, UP, WHOLE = ".down", ".up", ".whole"
Thin = tuple[np.ndarray, np.ndarray]


def save(file: Path, thin: dict[str, Thin], whole: dict[str, np.ndarray]) -> None:
    """thin: array name in the model file -> (up [out, R], down [R, in]); whole: name -> change. Kept as float16."""
    arrays = {name + WHOLE: change for name, change in whole.items()}
    for name, (up, down) in thin.items():
        arrays |= {name + UP: up, name + DOWN: down}
    save_file({name: np.ascontiguousarray(array.astype(np.float16)) for name, array in arrays.items()}, file)


def load(file: Path = FILE) -> tuple[dict[str, Thin], dict[str, np.ndarray]]:
    """What `save` was given, in float32."""
    stored = {name: array.astype(np.float32) for name, array in load_file(file).items()}
    whole = {name.removesuffix(WHOLE): array for name, array in stored.items() if name.endswith(WHOLE)}
    names = [name.removesuffix(UP) for name in stored if name.endswith(UP)]
    return {name: (stored[name + UP], stored[name + DOWN]) for name in names}, whole


def changes(file: Path = FILE) -> dict[str, np.ndarray]:
    """float32 change by the name of the array in the model file."""
    thin, whole = load(file)
    return whole | {name: up @ down for name, (up, down) in thin.items()}


def adapted(model: bytes, file: Path = FILE) -> bytes:
    """A CTranslate2 model file with the changes added. VoiceError(model_bad) where they do not fit."""
    data = bytearray(model)
    arrays = arrays_of(memoryview(data))  # windows into `data`
    for name, change in changes(file).items():
        if name not in arrays or arrays[name].shape != change.shape:
            raise VoiceError(f"{file} does not fit the speech model at {name}; reinstall Mirage LSD", "model_bad")
        arrays[name][...] = arrays[name].astype(np.float32) + change
    return bytes(data)
