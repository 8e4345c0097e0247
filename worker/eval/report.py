# SPDX-License-Identifier: Apache-2.0
"""eval.json: the figures under their agreed keys, the gates, the cheats, the ablation, and where it was measured.

Called by run.py at the end. Invariant: a figure that was not measured is null, and its gate neither passed nor failed.
"""

from __future__ import annotations

import json

import numpy as np

from mirage_lsd.worker.bench.machine import describe
from mirage_lsd.worker.eval.gates import failed, judge, summarise, warp_ratio
from mirage_lsd.worker.eval.statistics import bootstrap_interval, percent_worse
from mirage_lsd.worker.eval.variants import ABLATIONS, ALONE, FIVE_STEPS, MODEL, NO_MEMORY, UNIFORM, ZEROED
from mirage_lsd.worker.models.weights import weights_hash

KEYS = ("garment_iou", "garment_delta_e", "pattern_accuracy", "kept_psnr_db", "full_psnr_db", "person_psnr_db",
        "matte_error", "warp_ratio_source", "warp_ratio_ablated", "drift_percent", "learned_vs_uniform_db",
        "three_vs_five_percent", "shape_change_iou", "ms_ssim")  # fmt: skip
REFERENCE = "model, first frames"  # the model on the frames that its variants are played on
PERFECT = "true target"
CHEATS = ("identity", "true-mask recolouring", ZEROED.name)
TABLE = ("full_psnr_db", "garment_iou", "garment_delta_e", "shape_change_iou", "warp_error", "warp_error_garment")


def build_report(options, scores) -> dict:
    """The whole report but for the time it took."""
    own = scores.edits[MODEL.name]
    figures = summarise(own)
    figures |= compared_figures(scores.edits)
    figures["drift_percent"] = scores.drift["drift_percent"] if scores.drift else None
    report = {key: figures.get(key) for key in KEYS}
    report["ablation"] = ablation_table(scores)
    report["gates"] = judged(figures)
    report["cheats"] = {name: cheat_verdict(scores.edits[name]) for name in CHEATS if name in scores.edits}
    report["true_target"] = cheat_verdict(scores.edits[PERFECT]) if PERFECT in scores.edits else None
    report["details"] = {name: value for name, value in figures.items() if name not in KEYS}
    report["drift"] = scores.drift
    report["clips"] = [{"prompt": scores.prompts[clip["clip"]], **clip} for clip in own]
    report["test_set"] = {"clips": len(own), "of": options.clips, "frames": options.frames,
                          "compared_frames": options.compare_frames, "seed": options.seed,
                          "working_size": options.working_size}
    return report | {"weights": weights_hash(options.weights), **describe()}


def judged(figures: dict) -> dict[str, dict]:
    """The gates; the learned schedule's gain must also be more than chance."""
    verdicts, interval = judge(figures), figures.get("learned_vs_uniform_interval_db")
    gain = verdicts["learned_vs_uniform_db"] | {"interval": interval}
    verdicts["learned_vs_uniform_db"] = gain | {"passed": gain["passed"] and (interval is None or interval[0] > 0)}
    return verdicts


def compared_figures(edits: dict[str, list[dict]]) -> dict:
    """Figures that compare the model with variants of itself, clip by clip on the same pictures."""
    own, figures = edits[REFERENCE], {}
    if UNIFORM.name in edits:
        gains = [mine["full_psnr_db"] - other["full_psnr_db"]
                 for mine, other in zip(own, edits[UNIFORM.name], strict=True)]
        figures["learned_vs_uniform_db"] = float(np.mean(gains))
        figures["learned_vs_uniform_interval_db"] = bootstrap_interval(gains)
    if FIVE_STEPS.name in edits:
        errors = [float(np.mean([clip["full_rmse"] for clip in films])) for films in (own, edits[FIVE_STEPS.name])]
        figures["three_vs_five_percent"] = percent_worse(*errors)
    for key, name in (("warp_ratio_ablated", NO_MEMORY.name), ("warp_ratio_alone", ALONE.name)):
        if name in edits:
            for figure, suffix in (("warp_error", ""), ("warp_error_garment", "_garment")):
                mine = {clip["clip"]: clip.get(figure) for clip in own}
                pairs = [{"mine": mine[clip["clip"]], "other": clip.get(figure)} for clip in edits[name]]
                figures[key + suffix] = warp_ratio(pairs, "mine", "other")
    return figures


def ablation_table(scores) -> dict[str, dict]:
    """Quality and time with each part off, and with all on over the same clips."""
    def line(name: str, clips: set[int]) -> dict:
        films = [clip for clip in scores.edits[name] if clip["clip"] in clips]
        figures = summarise(films)
        return {key: figures.get(key) for key in TABLE} | {"frame_ms": float(np.median(scores.frame_ms[name]))}

    names = {variant.name: variant.name for variant in (*ABLATIONS, ALONE)} | {"schedule": UNIFORM.name}
    there = {part: name for part, name in names.items() if name in scores.edits}
    counted = [{clip["clip"] for clip in scores.edits[name]} for name in there.values()]
    clips = set.intersection(*counted) if counted else set()
    if not clips:
        return {}
    return {"all on": line(REFERENCE, clips)} | {f"without {part}" if name != ALONE.name else part: line(name, clips)
                                                  for part, name in there.items()}


def cheat_verdict(films: list[dict]) -> dict:
    """A film's figures and the gates it fails. A cheat must fail at least one, the true target none."""
    figures = summarise(films)
    return {"fails": failed(figures), "figures": {key: figures[key] for key in KEYS if figures.get(key) is not None}}


def write_report(options, scores, took_s: float) -> None:
    """Writes DIR/eval.json."""
    report = build_report(options, scores) | {"took_s": round(took_s, 1)}
    (options.out / "eval.json").write_text(json.dumps(rounded(report), indent=1, allow_nan=False) + "\n")


def print_report(options, scores) -> None:
    """One line a gate and one a cheat."""
    report = build_report(options, scores)
    for name, verdict in report["gates"].items():
        figure = "not measured" if verdict["figure"] is None else f"{verdict['figure']:.3f}"
        state = {True: "pass", False: "MISS", None: "-"}[verdict["passed"]]
        print(f"{state:5} {name:24} {figure:>12}  {verdict['rule']} {verdict['limit']}")
    for name, verdict in report["cheats"].items():
        print(f"cheat {name}: fails {', '.join(verdict['fails']) or 'NOTHING'}")
    print(f"the whole report: {options.out / 'eval.json'}")


def rounded(value):
    """Floats at five decimals, tuples as lists, nan as null, so that the file reads well and is strict JSON."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return None if value != value else round(value, 5)
    return value
