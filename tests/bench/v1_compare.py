# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1 against diffusers' img2img and step batching, and its own engines and streams against each other.

    .venv/bin/python tests/bench/v1_compare.py --json v1.json            on a graphics card: SD 1.5's size, 512x512
    .venv/bin/python tests/bench/v1_compare.py --rehearse                on a CPU: the script itself, at tiny size

Needs the extras gpu and dev (diffusers). Weights are random unless --checkpoint names a diffusers folder; speed does
not depend on them. All on one card, same weights, scheduler, steps and size; everything in one run. Latency is picture
in main memory → its own result in main memory; with step batching that is `steps` frames later.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

import torch
import v1_rivals as rivals

from mirage_lsd.shared.settings import V1, StreamSettings
from mirage_lsd.worker.bench import machine
from mirage_lsd.worker.bench.pipeline import measure, moving_pictures
from mirage_lsd.worker.bench.v1_models import BenchV1
from mirage_lsd.worker.cli import size_px
from mirage_lsd.worker.models.sd.config import LCM_SD15, TINY_RANDOM
from mirage_lsd.worker.models.sd.load import ModelRequest, load_v1
from mirage_lsd.worker.models.sd.random_checkpoint import write_random_checkpoint
from mirage_lsd.worker.timing import percentiles_ms

WARM_UP = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--size", type=size_px, default=(512, 512))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rehearse", action="store_true", help="tiny, on the CPU: the figures mean nothing")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.rehearse:
        options.device, options.size, options.frames, options.steps = "cpu", (64, 64), 2, 2
    with tempfile.TemporaryDirectory() as folder:
        config = TINY_RANDOM if options.rehearse else LCM_SD15
        checkpoint = options.checkpoint or write_random_checkpoint(Path(folder) / "checkpoint", config)
        report = {**machine.describe(), "device": device_name(options.device), "size": options.size,
                  "steps": options.steps, "rows": rows(options, checkpoint)}  # fmt: skip
    report["ratios"] = ratios(report["rows"])
    for name, row in report["rows"].items():
        figures = f"{row['p50_ms']:9.2f}{row['p95_ms']:9.2f} ms{row['fps']:9.2f} fps{row['vram_mb'] or 0:10.0f} MB"
        print(f"{name:34}{figures}")
    print(json.dumps(report["ratios"], indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def rows(options, checkpoint: Path) -> dict[str, dict]:
    """Every contender by name. Each is gone from the card before the next one comes."""
    on_gpu = options.device != "cpu"
    half = "float16" if on_gpu else "float32"
    variants = [("eager", "float32", False), ("eager", half, False)]
    variants += [("compiled", half, False), ("compiled", half, True)]
    if not on_gpu:
        variants = [("eager", "float32", False), ("eager", "float32", True)]
    found = {}
    for engine, precision, one_stream in variants:
        name = f"ours {engine} {precision}{', one stream' if one_stream else ''}"
        found[name] = ours(options, checkpoint, engine, precision, one_stream)
        clear()
    dtype = getattr(torch, half)
    model = load_v1(ModelRequest(str(checkpoint)))
    plan = rivals.plan_for(model.config, model.schedule, options.steps)
    del model
    makers = {
        "diffusers img2img": lambda *at: rivals.DiffusersImg2Img(*at),
        "diffusers step batching": lambda *at: rivals.diffusers_step_batch(*at, plan),
        "ours step batching": lambda *at: rivals.our_step_batch(*at, plan),
    }
    for name, make in makers.items():
        found[name] = theirs(make(checkpoint, options.device, dtype, options.size, options.steps), options)
        clear()
    return found


def ours(options, checkpoint: Path, engine: str, precision: str, one_stream: bool) -> dict:
    """Ring to ring, with everything mirage-lsd-v1 does: flow, history, cross-frame attention, upscale."""
    wanted = argparse.Namespace(checkpoint=str(checkpoint), random_weights=False, engine=engine, device=options.device,
                                precision=precision, one_stream=one_stream, diffusion_size=options.size)  # fmt: skip
    models = BenchV1(wanted)
    settings = StreamSettings(model=V1, prompt=rivals.PROMPT, steps=options.steps, checkpoint="", target_fps=60)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(models, settings, options.size, options.frames, Path(folder))
    facts = models.facts()
    models.close()
    kept = {name: result[name] for name in ("p50_ms", "p95_ms", "p99_ms", "fps", "stages")}
    return {**kept, "vram_mb": result["vram_peak_mb"], "engine": facts["engine"], "notes": facts["notes"]}


def theirs(contender, options) -> dict:
    """Picture by picture; a contender with a delay gives back an earlier picture."""
    pictures = moving_pictures(options.size)
    for index in range(WARM_UP if options.device != "cpu" else 1):
        contender(pictures[index])
    alone_ms, began_s = [], time.perf_counter()
    for index in range(options.frames):
        started_s = time.perf_counter()
        contender(pictures[index % len(pictures)])
        alone_ms.append(1e3 * (time.perf_counter() - started_s))
    fps = options.frames / (time.perf_counter() - began_s)
    latency_ms = [value * (1 + contender.delay_frames) for value in alone_ms]
    used = torch.cuda.max_memory_reserved() / 1e6 if options.device != "cpu" else None
    return {**percentiles_ms(latency_ms), "fps": round(fps, 2), "vram_mb": used}


def ratios(found: dict[str, dict]) -> dict[str, float]:
    """The issue's ratios; above 1 is in our favour."""
    best = next((found[name] for name in ("ours compiled float16", "ours eager float32") if name in found), None)
    made = {}
    for name, row in found.items():
        if row is not best:
            made[f"latency of {name}"] = round(row["p50_ms"] / best["p50_ms"], 3)
            made[f"fps over {name}"] = round(best["fps"] / row["fps"], 3)
    return made


def clear() -> None:
    """Nothing of the last contender may count against the next."""
    gc.collect()
    torch._dynamo.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def device_name(device: str) -> str:
    """As the driver names it."""
    return torch.cuda.get_device_name(device) if device != "cpu" else "cpu"


if __name__ == "__main__":
    main()
