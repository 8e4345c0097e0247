# SPDX-License-Identifier: Apache-2.0
"""Runs weights on real pictures and clips and writes a sheet: the judge that figures are not.

    python -m mirage_lsd.worker.train.preview --weights FILE --out sheet.png [--prompt TEXT ...] PICTURE_OR_CLIP ...

A row a prompt, a column a frame (pictures once, clips at several places). Uses the live graphs and sampler, frame
after frame, so what it shows is what the worker would.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.engines import create_engine
from mirage_lsd.worker.models import sampler
from mirage_lsd.worker.models.apply_layer import LayerApplier
from mirage_lsd.worker.models.conditions import parse_conditions
from mirage_lsd.worker.models.config import working_size_px
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.models.person_mask import PersonMask
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS, load_schedule

PROMPTS = ("", "red leather jacket", "blue hoodie", "yellow t-shirt", "green top", "red leather jacket, city night")


class PreviewStream:
    """One stream of frames through the live graphs; the worker's stages do the same with timing and shared engines."""

    def __init__(self, frame: np.ndarray, prompt: str, weights: Path, engine: str = "auto", steps: int = 3,
                 seed: int = 0, zero_velocity: bool = False):
        height_px, width_px = frame.shape[:2]
        self.size_px = working_size_px(width_px, height_px)
        self.engine = create_engine(engine, GraphShapes(self.size_px), weights)
        self.times = load_schedule(weights).for_steps(steps)
        ids, colors = parse_conditions(prompt).to_tokens()
        self.condition = self.engine.run("condition", {"ids": ids, "colors": colors})
        shapes = {tensor.name: tensor.shape for tensor in self.engine.specs["denoise"].inputs}
        self.noise = sampler.make_noise(seed, shapes["latent"])
        self.caches = {name: np.zeros(shapes[name], np.float32) for name in ("c8", "c16", "c32", "a16", "a32")}
        self.history = np.zeros((1, 2), np.float32)
        self.person, self.applier = PersonMask(), LayerApplier(width_px, height_px)
        self.latent: np.ndarray | None = None
        self.previous: np.ndarray | None = None
        self.zero_velocity = zero_velocity

    def __call__(self, frame: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """frame u8 [H,W,4] BGRA -> picture, the same."""
        small = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGRA2RGB), self.size_px, interpolation=cv2.INTER_AREA)
        source = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / 255.0
        mask = self.person(small)[None, None]
        features = self.engine.run("encode", {"source": source, "person_mask": mask})
        occlusion = self._warp(source)
        latent = sampler.start_latent(self.noise, float(self.times[0]), self.latent, occlusion)
        result: dict[str, np.ndarray] = {}
        for now, after in zip(self.times, [*self.times[1:], 0.0], strict=True):
            result = self.engine.run("denoise", {"latent": latent, "timestep": np.float32([now]), **features,
                                                 **self.condition, **self.caches, "history": self.history})
            velocity = result["velocity"] * (0.0 if self.zero_velocity else 1.0)
            latent = sampler.step(latent, velocity, float(now), float(after))
        self._keep(latent, result, source)
        rgba = self.engine.run("decode", {"latent": latent})["rgba"]
        maps = self.engine.run("upscale", {"source": source, "rgba": rgba})
        return self.applier.apply(frame, maps["layer"][0], maps["mask"][0], strength)

    def _warp(self, source: np.ndarray) -> np.ndarray | None:
        if self.previous is None:
            return None
        motion = self.engine.run("flow", {"previous": self.previous, "source": source})
        moved = self.engine.run("warp", {**motion, "latent": self.latent,
                                         **{name: self.caches[name] for name in ("c8", "c16", "c32")}})
        self.latent = moved["latent_out"]
        self.caches.update({name: moved[f"{name}_out"] for name in ("c8", "c16", "c32")})
        return motion["occlusion"]

    def _keep(self, latent: np.ndarray, result: dict[str, np.ndarray], source: np.ndarray) -> None:
        if self.previous is None:
            self.caches.update(a16=result["c16_out"], a32=result["c32_out"])
            self.history[:] = 1.0
        self.caches.update({name: result[f"{name}_out"] for name in ("c8", "c16", "c32")})
        self.latent, self.previous = latent, source


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
            stream = PreviewStream(frames[0], prompt, weights, engine)
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
