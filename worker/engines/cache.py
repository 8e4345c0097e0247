# SPDX-License-Identifier: Apache-2.0
"""Graphs ready to run: the shipped graph skeletons joined with the weights, in a folder on disk.

The package ships each graph as ONNX without its weights (models/data/graphs, made by engines/device/export.py) and
the weights once, as fp16. ONNX Runtime and OpenVINO read weights as float32 from a file beside the graph,
so the first start writes one folder per (weights, graphs) pair: `weights.bin`, the graphs, `manifest.json`.
Neither torch nor onnx is needed. Written to a temporary folder and renamed, so that it is whole or absent;
checked by size and SHA-256 at each start and rebuilt when damaged.
"""
from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from mirage_lsd.worker.models.config import GRAPHS_VERSION
from mirage_lsd.worker.models.graphs import GRAPH_NAMES
from mirage_lsd.worker.models.weights import DATA_DIR, DEFAULT_WEIGHTS, WeightsError, load_weights, weights_hash

GRAPHS_DIR = DATA_DIR / "graphs"
WEIGHTS_BIN = "weights.bin"
_log = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """MIRAGE_LSD_CACHE, else the user's cache folder."""
    if "MIRAGE_LSD_CACHE" in os.environ:
        return Path(os.environ["MIRAGE_LSD_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "mirage-lsd"


def prepared_graphs(weights: Path = DEFAULT_WEIGHTS, cache_dir: Path | None = None) -> Path:
    """The folder with runnable graphs for these weights, made or mended if need be."""
    layout_text = (GRAPHS_DIR / "layout.json").read_bytes()
    skeletons = b"".join((GRAPHS_DIR / f"{name}.onnx").read_bytes() for name in GRAPH_NAMES)
    graphs_key = hashlib.sha256(layout_text + skeletons).hexdigest()[:8]
    root = cache_dir or default_cache_dir()
    folder = root / f"graphs-{weights_hash(weights)}-{GRAPHS_VERSION}-{graphs_key}"
    if folder.is_dir():
        if is_whole(folder):
            return folder
        _log.warning("the graph cache %s is damaged; building it again", folder)
        shutil.rmtree(folder, ignore_errors=True)
    _build(folder, weights, json.loads(layout_text))
    return folder


def is_whole(folder: Path) -> bool:
    """Whether every file of a cache folder has the size and digest its manifest says."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return bool(manifest) and all(_digest(folder / name) == digest for name, digest in manifest.items())
    except (OSError, ValueError, AttributeError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _build(folder: Path, weights: Path, layout: dict) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    packed = pack_weights(load_weights(weights), layout["tensors"], weights)
    temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        (temporary / WEIGHTS_BIN).write_bytes(packed)
        for name in GRAPH_NAMES:
            shutil.copyfile(GRAPHS_DIR / f"{name}.onnx", temporary / f"{name}.onnx")
        manifest = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
        (temporary / "manifest.json").write_text(json.dumps(manifest))
        try:
            os.rename(temporary, folder)
        except OSError:
            if not is_whole(folder):  # another process may have been first; anything else is a real failure
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def pack_weights(tensors: dict[str, np.ndarray], layout: dict[str, dict], weights: Path) -> bytes:
    """Tensors as float32 at the offsets the skeletons refer to."""
    size = max(entry["offset"] + 4 * int(np.prod(entry["shape"])) for entry in layout.values())
    packed = np.zeros(size // 4, np.float32)
    for name, entry in layout.items():
        value = tensors.get(name)
        if value is None or list(value.shape) != entry["shape"]:
            found = "missing" if value is None else str(list(value.shape))
            raise WeightsError(f"the weights file {weights} does not fit this version: tensor {name} should be "
                               f"{entry['shape']} and is {found}; install the weights that came with this version",
                               "weights_architecture")
        first = entry["offset"] // 4
        packed[first : first + value.size] = value.ravel()
    return packed.tobytes()
