# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the weights file (fp16 safetensors), with errors that say what to do. Torch-free.

The file's metadata holds "architecture" (config.ARCHITECTURE) and "graphs_version"; tensors are named as in
`tiny.MirageTiny.state_dict()`. Arrays come out as float32.
"""
from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.models.config import ARCHITECTURE
from mirage_lsd.worker.models.sampler import Schedule

DATA_DIR = Path(__file__).parent / "data"
DEFAULT_WEIGHTS = DATA_DIR / "mirage-lsd-tiny.safetensors"


class WeightsError(MirageError):
    """The weights file cannot be used. Codes: weights_missing, weights_truncated, weights_architecture."""

    code = "weights_error"


def load_weights(path: Path = DEFAULT_WEIGHTS) -> dict[str, np.ndarray]:
    """Every tensor as float32. Raises WeightsError."""
    try:
        with safe_open(str(_there(path)), framework="numpy") as file:
            _check_architecture(file.metadata() or {}, path)
            return {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise WeightsError(f"the weights file {path} is damaged or cut short ({error}); reinstall Mirage LSD to get "
                           "it again", "weights_truncated") from error


def _there(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"the model's weights are missing: {path}; reinstall Mirage LSD (installers/install.py "
                           "repair) or make them with `mirage-lsd train`", "weights_missing")
    return path


def _check_architecture(metadata: dict, path: Path) -> None:
    found = metadata.get("architecture", "none")
    if found != ARCHITECTURE:
        raise WeightsError(f"the weights file {path} is for architecture {found!r} but this version runs "
                           f"{ARCHITECTURE!r}; install the weights that came with this version", "weights_architecture")


def weights_hash(path: Path = DEFAULT_WEIGHTS) -> str:
    """First 16 hex digits of the file's SHA-256: the key of compiled graphs."""
    return hashlib.sha256(_there(path).read_bytes()).hexdigest()[:16]


def load_schedule(path: Path = DEFAULT_WEIGHTS) -> Schedule:
    """The learned time-steps stored with the weights."""
    return schedule_from_tensors(load_weights(path))


def schedule_from_tensors(tensors: dict[str, np.ndarray]) -> Schedule:
    """The learned time-steps out of already loaded tensors ("gaps.1" .. "gaps.5")."""
    return Schedule.from_gaps({int(name[5:]): value for name, value in tensors.items() if name.startswith("gaps.")})


def save_weights(tensors: dict[str, np.ndarray], path: Path, notes: dict[str, str] | None = None) -> None:
    """Write atomically as fp16 with the architecture in the metadata; `notes` are extra metadata.

    Written here rather than by the safetensors package, whose metadata order changes from run to run: the same
    tensors must give the same bytes, as the compiled graphs are cached by the file's digest.
    """
    header: dict[str, dict] = {"__metadata__": {"architecture": ARCHITECTURE, **(notes or {})}}
    parts, offset = [], 0
    for name, value in sorted(tensors.items()):
        half = np.asarray(value, np.float16)
        parts.append(half.tobytes())
        header[name] = {"dtype": "F16", "shape": list(half.shape), "data_offsets": [offset, offset + half.nbytes]}
        offset += half.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_suffix(".partial")
    partial.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    os.replace(partial, path)
