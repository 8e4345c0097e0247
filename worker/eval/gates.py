# SPDX-License-Identifier: Apache-2.0
"""The gates: which figure must reach what. Pure; the limits are the project's promises and are never lowered here."""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.worker.eval.statistics import mean


@dataclass(frozen=True)
class Gate:
    """A figure passes when it is at least (or at most) `limit`."""

    figure: str
    limit: float
    at_least: bool

    def judge(self, value: float | None) -> dict:
        """{"figure", "limit", "passed"}; passed is None where the figure was not measured."""
        passed = None if value is None else (value >= self.limit if self.at_least else value <= self.limit)
        return {"figure": value, "limit": self.limit, "rule": ">=" if self.at_least else "<=", "passed": passed}


GATES = (
    Gate("garment_iou", 0.80, True),
    Gate("garment_delta_e", 12.0, False),
    Gate("pattern_accuracy", 0.80, True),  # no number was promised; four looks out of five is ours
    Gate("kept_psnr_db", 32.0, True),
    Gate("full_psnr_db", 22.0, True),
    Gate("person_psnr_db", 28.0, True),
    Gate("matte_error", 0.05, False),
    Gate("warp_ratio_source", 1.25, False),
    Gate("warp_ratio_ablated", 0.7, False),
    Gate("drift_percent", 5.0, False),
    Gate("learned_vs_uniform_db", 0.2, True),
    Gate("three_vs_five_percent", 10.0, False),
    Gate("shape_change_iou", 0.70, True),
)


def judge(figures: dict[str, float | None]) -> dict[str, dict]:
    """Every gate by the name of its figure."""
    return {gate.figure: gate.judge(figures.get(gate.figure)) for gate in GATES}


def failed(figures: dict[str, float | None]) -> list[str]:
    """Names of the gates that were measured and missed."""
    return [name for name, verdict in judge(figures).items() if verdict["passed"] is False]


def warp_ratio(clips: list[dict], of: str, to: str) -> float | None:
    """Summed warp error `of` over the summed `to`, over the clips that have both."""
    pairs = [(clip[of], clip[to]) for clip in clips if clip.get(of) is not None and clip.get(to) is not None]
    total = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / total if total > 0 else None


def summarise(clips: list[dict]) -> dict[str, float | None]:
    """Means over clips of everything score.py and scene scoring found, and the ratio to the source."""
    names = sorted({name for clip in clips for name in clip} - {"clip"})
    figures = {name: mean(clip.get(name) for clip in clips) for name in names}
    figures["warp_ratio_source"] = warp_ratio(clips, "warp_error", "warp_error_source")
    figures["warp_ratio_target"] = warp_ratio(clips, "warp_error", "warp_error_target")
    return figures
