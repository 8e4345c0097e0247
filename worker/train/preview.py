# SPDX-License-Identifier: Apache-2.0
"""Runs weights on real pictures and clips and writes a sheet: the judge that figures are not.

    python -m mirage_lsd.worker.train.preview --weights FILE --out sheet.png [--prompt TEXT ...] PICTURE_OR_CLIP ...

A row a prompt, a column a frame (pictures once, clips at several places). Uses the worker's own stages, frame after
frame, so what it shows is what the filter would.
"""
from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.eval.switches import EnginePool, EvalHost, Switches
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS

PROMPTS = ("", "red leather jacket", "blue hoodie", "yellow t-shirt", "green top", "red leather jacket, city night")


class PreviewStream:
    """One stream through the worker's own stages, in one look."""

    def __init__(self, prompt: str, weights: Path, engine: str = "auto", steps: int = 3, seed: int = 0,
                 switches: Switches | None = None):
        self._settings = StreamSettings(prompt=prompt, steps=steps, seed=seed)
        self._scratch = tempfile.TemporaryDirectory(prefix="mirage-lsd-preview-")
        pool = EnginePool(Path(self._scratch.name), weights, engine)
        self._pipeline = EvalHost(pool, switches or Switches()).new_pipeline(live=False)

    def __call__(self, frame: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """frame u8 [H,W,4] BGRA -> picture, the same."""
        return self._pipeline.restyle(frame, replace(self._settings, strength=strength)).copy()


def read_frames(path: Path, limit: int = 48) -> list[np.ndarray]:
    """BGRA frames of a picture or clip."""
    picture = cv2.imread(str(path)) if path.suffix.lower() in (".png", ".jpg", ".jpeg") else None
    if picture is not None:
        return [cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)]
    capture, frames = cv2.VideoCapture(str(path)), []
    while len(frames) < limit:
        good, picture = capture.read()
        if not good:
            break
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
    if not frames:
        raise SystemExit(f"{path} is not a picture or clip that OpenCV can read")
    return frames


def sheet(paths: list[Path], prompts: list[str], weights: Path, engine: str, column_px: int = 280) -> np.ndarray:
    """u8 BGR sheet."""
    rows = []
    for prompt in prompts:
        cells = []
        for path in paths:
            frames = read_frames(path)
            stream = PreviewStream(prompt, weights, engine)
            results = [stream(frame) for frame in frames]
            shown = [results[0]] if len(results) == 1 else [results[0], results[-1]]
            height_px = round(column_px * frames[0].shape[0] / frames[0].shape[1])
            cells += [cv2.resize(item[..., :3], (column_px, height_px)) for item in shown]
        tallest = max(cell.shape[0] for cell in cells)
        cells = [cv2.copyMakeBorder(cell, 0, tallest - cell.shape[0], 0, 4, cv2.BORDER_CONSTANT) for cell in cells]
        row = np.ascontiguousarray(np.concatenate(cells, axis=1))
        cv2.putText(row, prompt or "(keep everything)", (6, 16), 0, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        rows.append(row)
    return np.concatenate(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Show weights on real pictures and clips.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prompt", action="append")
    parser.add_argument("--engine", default="auto")
    given = parser.parse_args()
    cv2.imwrite(str(given.out), sheet(given.paths, given.prompt or list(PROMPTS), given.weights, given.engine))


if __name__ == "__main__":
    main()
