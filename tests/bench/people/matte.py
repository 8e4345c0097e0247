# SPDX-License-Identifier: Apache-2.0
"""The person cut out, beside what a background-removal filter shows: a plain segmenter's mask, enlarged.

    python tests/bench/people/matte.py FILM... [--words transparent] [--frames 60] [--sheet sheet.png]

For every film: step_px, how many pixels alpha takes from .1 to .9 across the outline (median), and the same of the
source's own brightness at those places; flicker, alpha's mean change from frame to frame (0..1) beside the outline
where the source stands still; ms, the composite stage's median time a frame. The sheet has the source, the plain mask
and ours over a flat colour, and ours enlarged. No figure here is made with knowledge of the truth: look at the sheet.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.programs.pictures import open_pictures
from mirage_lsd.worker.tracking.person_mask import PersonMask

BEHIND = np.float32((70, 160, 60))  # BGR
REACH_PX = 12  # across an outline, to either side
FINE = 4  # samples a pixel
STILL = 3  # of 255
LEAST_STEP = 25  # of 255: a fainter edge of the source tells no width


def composite_ms(pipeline: Pipeline) -> list[float]:
    """Has the pipeline note its composite stage's times, in the list returned."""
    times, run = [], pipeline.run

    def noting(job):
        job = run(job)
        times.append(job.stage_ms["composite"])
        return job

    pipeline.run = noting
    return times


def normals(alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points f32 [n,2] (x, y) on the outline of alpha f32 [H,W], and the directions across it there."""
    smooth = cv2.GaussianBlur(alpha, (0, 0), 2.0)
    outlines, _ = cv2.findContours((smooth > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([line[::5, 0] for line in outlines]) if outlines else np.empty((0, 2), int)
    inside = ((points > REACH_PX) & (points < np.array(alpha.shape[::-1]) - REACH_PX)).all(1)
    points = points[inside]
    across = np.stack([cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)], -1)
    across = across[points[:, 1], points[:, 0]]
    return points.astype(np.float32), across / np.maximum(np.linalg.norm(across, axis=1), 1e-6)[:, None]


def profiles(plane: np.ndarray, points: np.ndarray, across: np.ndarray) -> np.ndarray:
    """f32 [n, samples]: the plane along every normal."""
    steps = np.arange(-REACH_PX * FINE, REACH_PX * FINE + 1, dtype=np.float32) / FINE
    places = points[:, None] + steps[None, :, None] * across[:, None]
    return cv2.remap(plane, places[..., 0].astype(np.float32), places[..., 1].astype(np.float32), cv2.INTER_LINEAR)


def step_px(profile: np.ndarray) -> float:
    """How far a profile takes from .1 to .9 of its own range, around where it crosses the half nearest the middle."""
    low, high = profile[: 3 * FINE].mean(), profile[-3 * FINE :].mean()
    share = (profile - low) / (high - low or np.nan)
    crossings = np.flatnonzero((share[:-1] < 0.5) & (share[1:] >= 0.5))
    if not crossings.size:
        return float("nan")
    place = crossings[np.abs(crossings - len(share) // 2).argmin()]
    below, above = np.flatnonzero(share[: place + 1] <= 0.1), np.flatnonzero(share[place:] >= 0.9)
    return (place + above[0] - below[-1]) / FINE if below.size and above.size else float("nan")


def step_widths(alpha: np.ndarray, grey: np.ndarray) -> list[tuple[float, float]]:
    """(alpha's, the source's) step along the outline, where the source has an edge."""
    points, across = normals(alpha)
    if not len(points):
        return []
    found = []
    for ours, own in zip(profiles(alpha, points, across), profiles(grey, points, across), strict=True):
        if abs(own[-3 * FINE :].mean() - own[: 3 * FINE].mean()) >= LEAST_STEP:
            pair = step_px(ours), step_px(own)
            found += [pair] if np.isfinite(pair).all() else []
    return found


class Kind:
    """One kind of alpha along a film."""

    def __init__(self) -> None:
        self.steps, self.flicker, self._last = [], [], None

    def add(self, alpha: np.ndarray, grey: np.ndarray, still: np.ndarray | None) -> None:
        """alpha f32 [H,W] 0..1; still bool [H,W]: where the source is as it was."""
        self.steps += step_widths(alpha, grey)
        if still is not None:
            near = cv2.dilate((np.abs(alpha - 0.5) < 0.45).astype(np.uint8), np.ones((9, 9))) > 0
            self.flicker.append(float(np.abs(alpha - self._last)[still & near].mean()) if (still & near).any() else 0.0)
        self._last = alpha

    def line(self) -> str:
        """The figures."""
        ours, own = np.median(self.steps, axis=0) if self.steps else (float("nan"),) * 2
        return f"step_px {ours:.2f} (source {own:.2f}, {ours / own:.2f}x), flicker {np.mean(self.flicker):.4f}"


def over(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """u8 [H,W,3] over the flat colour."""
    alpha = alpha[..., None]
    return (color[..., :3] * alpha + BEHIND * (1.0 - alpha) + 0.5).astype(np.uint8)


def panel(source: np.ndarray, mask: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """source, plain and ours, and below the upper middle of each twice as large."""
    pictures = [source[..., :3], over(source, mask), over(ours, ours[..., 3] / np.float32(255))]
    height, width = source.shape[:2]
    part = slice(height // 16, height // 16 + height // 2), slice(width // 4, width // 4 + width // 2)
    large = [cv2.resize(picture[part], (width, height), interpolation=cv2.INTER_CUBIC) for picture in pictures]
    return np.vstack([np.hstack(pictures), np.hstack(large)])


def judge(film: Path, host: EngineHost, options) -> np.ndarray | None:
    """Prints a film's figures; its panel for the sheet."""
    pipeline, segment = host.new_pipeline(live=False), PersonMask()
    settings = StreamSettings(prompt=options.words, working_size=options.working_size)
    times, plain, matte, before, shown = composite_ms(pipeline), Kind(), Kind(), None, None
    for number, source in enumerate(open_pictures(film)):
        if number >= options.frames:
            break
        ours = pipeline.restyle(source, settings)
        mask = segment(cv2.cvtColor(source, cv2.COLOR_BGRA2RGB))
        grey = cv2.cvtColor(source, cv2.COLOR_BGRA2GRAY)
        still = None if before is None else cv2.blur(cv2.absdiff(grey, before), (5, 5)) < STILL
        before = grey
        plain.add(mask, grey.astype(np.float32), still)
        matte.add(ours[..., 3] / np.float32(255), grey.astype(np.float32), still)
        if number == options.frames // 2 or shown is None:
            shown = panel(source, mask, ours)
    pipeline.flush()
    print(f"{film.name}: plain {plain.line()}; ours {matte.line()}; composite {median(times):.1f} ms", flush=True)
    return shown


def main() -> None:
    """Reads the arguments and judges each film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--words", default="transparent")
    parser.add_argument("--working-size", default="medium")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    host = EngineHost()
    host.load()
    shown = [judge(film, host, options) for film in options.films]
    if options.sheet:
        width_px = max(panel.shape[1] for panel in shown)
        fitted = [cv2.resize(one, (width_px, one.shape[0] * width_px // one.shape[1])) for one in shown]
        cv2.imwrite(str(options.sheet), np.vstack(fitted))


if __name__ == "__main__":
    main()
