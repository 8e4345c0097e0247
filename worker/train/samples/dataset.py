# SPDX-License-Identifier: Apache-2.0
"""Reads one split of the rendered world (see train/world) through memory maps, checked once at open.

Called by the loader threads; all arrays are read-only and shared.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirage_lsd.shared.errors import MirageError


class DatasetError(MirageError):
    """The data set cannot be used. Codes: dataset_missing, dataset_damaged."""

    code = "dataset_error"


@dataclass(frozen=True)
class World:
    """layers u8 [N,V,T,H,W,4] (undyed), labels u8 [N,V,T,H,W], surface f16 [N,V,T,H,W,3] (canonical x, z in metres,
    sleeve coordinate), flow f16 [N,T,H/4,W/4,2] (layer px, to t-1), backgrounds u8 [M,224,384,3],
    scenes u8 [6,K,224,384,3], looks[n][v] = the words of a look."""

    layers: np.ndarray
    labels: np.ndarray
    surface: np.ndarray
    flow: np.ndarray
    backgrounds: np.ndarray
    scenes: np.ndarray
    looks: list[list[dict]]

    @property
    def clips(self) -> int:
        return len(self.looks)

    @property
    def frames(self) -> int:
        return self.layers.shape[2]

    @property
    def layer_px(self) -> tuple[int, int]:
        """(width, height) of a layer."""
        return self.layers.shape[4], self.layers.shape[3]


def open_world(folders: list[Path] | Path) -> World | Worlds:
    """Open one split folder, or several of the same kind as one. Raises DatasetError."""
    if isinstance(folders, (str, Path)):
        return _open_one(Path(folders))
    return Worlds([_open_one(Path(folder)) for folder in folders])


@dataclass(frozen=True)
class Worlds:
    """Several folders seen as one list of clips; backgrounds and scenes come from the clip's own folder."""

    parts: list[World]

    @property
    def clips(self) -> int:
        return sum(part.clips for part in self.parts)

    @property
    def frames(self) -> int:
        return min(part.frames for part in self.parts)

    def locate(self, clip: int) -> tuple[World, int]:
        """The folder a clip is in, and its number there."""
        for part in self.parts:
            if clip < part.clips:
                return part, clip
            clip -= part.clips
        raise IndexError(clip)


def _open_one(folder: Path) -> World:
    if not (folder / "DONE").is_file():
        raise DatasetError(f"no finished data set in {folder}; make one with `mirage-lsd train` or wait for "
                           "the one being written", "dataset_missing")
    try:
        looks = [clip["looks"] for clip in json.loads((folder / "clips.json").read_bytes())]
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r")
                  for name in ("layers", "labels", "surface", "flow", "backgrounds", "scenes")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"the data set in {folder} is damaged ({error}); delete it and make it again",
                           "dataset_damaged") from error
    world = World(looks=looks, **arrays)
    if world.layers.shape[0] != len(looks) or world.labels.shape != world.layers.shape[:-1] or (
            world.surface.shape[:-1] != world.labels.shape):
        raise DatasetError(f"the data set in {folder} is damaged: {len(looks)} clips are described, the arrays hold "
                           f"{world.layers.shape[0]}; delete it and make it again", "dataset_damaged")
    return world
