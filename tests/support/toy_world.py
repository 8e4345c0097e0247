# SPDX-License-Identifier: Apache-2.0
"""A tiny world of drawn figures in the layout of train/world, for smoke tests: no renderer, no GPU, milliseconds.

Used by the tests of worker/train.
"""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.models.conditions import UPPERS
from mirage_lsd.worker.paint.cloth import NEUTRAL

_SIZE_PX = (320, 192)


def write_toy_world(folder: Path, clips: int = 3, seed: int = 0, looks: int = 3, frames: int = 3) -> Path:
    """Write a finished split folder and return it."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    layers = np.zeros((clips, looks, frames, 192, 320, 4), np.uint8)
    labels = np.zeros(layers.shape[:-1], np.uint8)
    surface = np.zeros((*labels.shape, 3), np.float16)
    flow = np.zeros((clips, frames, 48, 80, 2), np.float16)
    described = []
    for clip in range(clips):
        place, speed = rng.uniform(120, 200), float(rng.uniform(-3, 3))
        wear = [_look(rng) for _ in range(looks)]
        described.append({"looks": wear, "crop": "half"})
        for frame in range(frames):
            flow[clip, frame, :, :, 0] = -speed if frame else 0
            for index, look in enumerate(wear):
                layers[clip, index, frame], labels[clip, index, frame] = _figure(place + speed * frame, look)
                surface[clip, index, frame] = _surface(place + speed * frame)
        flow[clip] *= (labels[clip, 0, :, ::4, ::4] > 0)[..., None]
    pictures = rng.integers(0, 255, (4, 7, 12, 3), np.uint8)
    backgrounds = np.stack([cv2.resize(picture, (384, 224)) for picture in pictures])
    arrays = {"layers": layers, "labels": labels, "surface": surface, "flow": flow, "backgrounds": backgrounds,
              "scenes": np.stack([backgrounds[:2]] * 6)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "clips.json").write_text(json.dumps(described))
    (folder / "DONE").write_text("")
    return folder


def _look(rng: np.random.Generator) -> dict:
    return {"upper": str(rng.choice(UPPERS[1:6])), "upper_color": rng.random(3).tolist(), "pattern": "plain",
            "upper_second": rng.random(3).tolist(), "pattern_scale": 1.0, "pattern_angle": 0.0,
            "lower": "jeans", "lower_color": rng.random(3).tolist(), "hair": "short",
            "hair_color": rng.random(3).tolist(), "expression": "neutral"}


def _figure(x: float, look: dict) -> tuple[np.ndarray, np.ndarray]:
    """RGBA u8 and labels u8 of a figure standing at column x."""
    labels = np.zeros(_SIZE_PX[::-1], np.uint8)
    column = int(x)
    cv2.rectangle(labels, (column - 40, 150), (column + 40, 191), 5, -1)
    cv2.ellipse(labels, (column, 130), (45 if look["upper"] == "hoodie" else 38, 50), 0, 0, 360, 4, -1)
    cv2.ellipse(labels, (column, 52), (22, 28), 0, 0, 360, 3, -1)
    cv2.ellipse(labels, (column, 58), (18, 24), 0, 0, 360, 2, -1)
    colors = np.zeros((8, 3))
    colors[2], colors[3:6] = (0.85, 0.65, 0.5), NEUTRAL
    rgba = np.zeros((*labels.shape, 4), np.uint8)
    rgba[..., :3] = (colors[labels] * 255).astype(np.uint8)
    rgba[..., 3] = (labels > 0) * 255
    return rgba, labels


def _surface(x: float) -> np.ndarray:
    """Canonical x, z in metres and no arm, f32 [192,320,3], of a figure standing at column x."""
    columns, rows = np.meshgrid(np.arange(_SIZE_PX[0], dtype=np.float32), np.arange(_SIZE_PX[1], dtype=np.float32))
    return np.stack([(columns - x) / 200, 0.5 - (rows - 90) / 200, np.full_like(rows, -1)], axis=2)
