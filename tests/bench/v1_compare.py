# SPDX-License-Identifier: Apache-2.0
"""Every graphics-card figure of mirage-lsd-v1 in one file: sizes, engines, streams, and diffusers beside it.

    .venv/bin/python tests/bench/v1_compare.py --json v1.json             on a graphics card: SD 1.5's size
    .venv/bin/python tests/bench/v1_compare.py --rehearse --json r.json   on a CPU: the script itself, at tiny size

Needs the extras gpu and dev (diffusers). Weights are random unless --checkpoint names a diffusers folder; speed does
not depend on them. All on one card, same weights, scheduler, steps and size. Latency is picture in main memory → its
own result in main memory (ours: ring in → ring out); with step batching that is `steps` frames later.

The file is written after each row. Called again with the same file, card and code it goes on with what is missing or
failed; a row that fails says why and the others are measured. `gates` compares with the numbers that were set.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import v1_rivals as rivals

sys.path.insert(0, str(Path(__file__).parents[1] / "support/v1"))
from random_checkpoints import write_random_checkpoint
from v1_gates import gates, ratios

from mirage_lsd.shared.errors import reason_of
from mirage_lsd.shared.messages.settings import V1, StreamSettings
from mirage_lsd.worker.bench import machine
from mirage_lsd.worker.bench.footage import footage
from mirage_lsd.worker.bench.pipeline import measure
from mirage_lsd.worker.bench.v1_models import BenchV1
from mirage_lsd.worker.engines.cache import default_cache_dir
from mirage_lsd.worker.programs.cli import size_px
from mirage_lsd.worker.timing import percentiles_ms
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.graphs.config import LCM_SD15, SMALL_RANDOM

WARM_UP = 10
FRAME_PX, DIFFUSED_PX = (1280, 720), ((768, 432), (1024, 576))
REHEARSED_PX = ((96, 72), ((64, 64), (72, 64)))
Row = Callable[[], dict]


def main() -> None:
    options = parse()
    frame_px, diffused_px = REHEARSED_PX if options.rehearse else (FRAME_PX, DIFFUSED_PX)
    checkpoint = options.checkpoint or random_checkpoint(options.rehearse)
    about = {"commit": machine.commit(), "device": device_name(options.device), "steps": options.steps,
             "frames": options.frames, "checkpoint": str(options.checkpoint or "random weights"),
             "rehearsal": options.rehearse}  # fmt: skip
    report = {**machine.describe(), **about, "torch": torch.__version__, "rows": kept_rows(options.json, about)}
    jobs = {**our_rows(options, checkpoint, frame_px, diffused_px), **their_rows(options, checkpoint)}
    for name, row in jobs.items():
        if "error" in report["rows"].setdefault(name, {"error": "not run yet"}):
            report["rows"][name] = tried(row)
            clear()
            report |= {"ratios": ratios(report["rows"]), "gates": gates(report["rows"], options.rehearse)}
            tell(name, report["rows"][name])
            write(options.json, report)
    print(json.dumps(gates(report["rows"], options.rehearse), indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--size", type=size_px, default=(512, 512))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rehearse", action="store_true", help="tiny, on the CPU: the figures mean nothing")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    if options.rehearse:
        options.device, options.size, options.frames, options.steps = "cpu", (64, 64), 2, 2
    return options


def random_checkpoint(tiny: bool) -> Path:
    """A diffusers-format folder with random weights, kept for the next call."""
    folder = default_cache_dir() / "bench" / ("tiny-random" if tiny else "lcm-sd15-random")
    if not (folder / "model_index.json").is_file():  # the last file to be written
        write_random_checkpoint(folder, SMALL_RANDOM if tiny else LCM_SD15)
    return folder


def our_rows(options, checkpoint: Path, frame_px, diffused_px) -> dict[str, Row]:
    """Ours by name: at the rivals' size in every engine, then from ring to ring at 720p."""
    half = "float16" if options.device != "cpu" else "float32"
    variants = [("eager", "float32", False), ("eager", half, False), ("eager", half, True)]
    best = ["eager"]
    if options.device != "cpu":
        best = ["compiled", "tensorrt"] if importlib.util.find_spec("tensorrt") else ["compiled"]
        variants = [*variants[:2], *((engine, half, False) for engine in ("captured", *best)), ("compiled", half, True)]
    row = partial(ours, options, checkpoint)
    found: dict[str, Row] = {}
    for engine, precision, one in variants:
        name = f"ours {engine} {precision}{', one stream' if one else ''}"
        found[name] = partial(row, engine, precision, one, options.size, options.size)
    for engine in best:
        for size in diffused_px:
            name = f"ours {engine} {half}, {size[0]}x{size[1]} to {frame_px[0]}x{frame_px[1]}"
            found[name] = partial(row, engine, half, False, size, frame_px)
    return found


def ours(options, checkpoint: Path, engine: str, precision: str, one_stream: bool, diffused, frame) -> dict:
    """Ring to ring, with everything mirage-lsd-v1 does: flow, history, cross-frame attention, upscale."""
    wanted = argparse.Namespace(
        checkpoint=str(checkpoint), lora="", random_weights=False, engine=engine, device=options.device,
        precision=precision, one_stream=one_stream, diffusion_size=diffused,
    )  # fmt: skip
    models = BenchV1(wanted)
    settings = StreamSettings(model=V1, prompt=rivals.PROMPT, steps=options.steps, checkpoint="", target_fps=60)
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(models, settings, footage(None, frame), options.frames, Path(folder))
        facts = models.facts()
        if facts["engine"] != engine:
            return {"error": f"ran {facts['engine']} instead of {engine}: {'; '.join(facts['notes'])}"}
        kept = {name: result[name] for name in ("p50_ms", "p95_ms", "p99_ms", "fps", "fps_one_at_a_time", "stages")}
        return {**kept, "vram_mb": result["vram_peak_mb"], "plan": models.host.plan.name, "notes": facts["notes"],
                "floor": models.floor(settings)}  # fmt: skip
    finally:
        models.close()


def their_rows(options, checkpoint: Path) -> dict[str, Row]:
    """diffusers' pipeline, and step batching around its U-Net and ours; each is made when its turn comes."""
    dtype = torch.float16 if options.device != "cpu" else torch.float32
    makers = {"diffusers img2img": rivals.DiffusersImg2Img, "diffusers step batching": rivals.diffusers_step_batch,
              "ours step batching": rivals.our_step_batch}  # fmt: skip
    return {name: partial(theirs, make, options, checkpoint, dtype) for name, make in makers.items()}


def theirs(make, options, checkpoint: Path, dtype: torch.dtype) -> dict:
    """Picture by picture; a contender with a delay gives back an earlier picture."""
    contender = make(checkpoint, options.device, dtype, options.size, options.steps, plan_of(checkpoint, options.steps))
    pictures = footage(None, options.size)
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


def plan_of(checkpoint: Path, steps: int):
    """The frame's steps, as mirage-lsd-v1 takes them."""
    model = load_v1(ModelRequest(str(checkpoint)))
    return rivals.CONTROL.plan(model.schedule, steps, model.config)


def tried(row: Row) -> dict:
    """A row's figures, or why there are none."""
    try:
        return row()
    except Exception as error:  # noqa: BLE001  one row less, the others go on
        return {"error": f"{type(error).__name__}: {reason_of(error)}"}


def kept_rows(path: Path, about: dict) -> dict[str, dict]:
    """The rows of an earlier call, if it was about the same."""
    if not path.is_file():
        return {}
    before = json.loads(path.read_text(encoding="utf-8"))
    same = all(before.get(name) == value for name, value in about.items())
    return before["rows"] if same else {}


def write(path: Path, report: dict) -> None:
    """The whole file, or the one before."""
    partial_path = path.with_suffix(".partial")
    partial_path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    partial_path.replace(path)


def tell(name: str, row: dict) -> None:
    """One line."""
    if "error" in row:
        print(f"{name:48} {row['error']}", flush=True)
        return
    figures = f"{row['p50_ms']:9.2f}{row['p95_ms']:9.2f} ms{row['fps']:9.2f} fps{row['vram_mb'] or 0:10.0f} MB"
    print(f"{name:48}{figures}", flush=True)


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
