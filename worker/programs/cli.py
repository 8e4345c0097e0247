# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd`: the command line. Each command imports what it needs only when it runs.

Invariant: a MirageError ends a command with one line that says what to mend, and status 2; never a traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import EDIT_REGIONS, EVERYONE, MODELS, TINY, WHO, WORKING_SIZES

EXIT_REFUSED = 2
EXIT_GATE_MISSED = 1
EXIT_INTERRUPTED = 130  # as a shell has it for Ctrl-C
EXIT_PIPE_CLOSED = 141  # and for a pipe that nobody reads


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    parser = build_parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run not in (_train, _ctl):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest  # options that need torch (train) or take long to import (ctl) are read only where needed
    try:
        status = options.run(options) or 0
        sys.stdout.flush()
        return status
    except MirageError as error:
        print(f"mirage-lsd: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except BrokenPipeError:  # whoever read our lines has had enough: `mirage-lsd presets | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    except KeyboardInterrupt:
        print("mirage-lsd: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="mirage-lsd", description="Restyle live video with a diffusion model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_bench(commands)
    _add_run(commands)
    _add_train(commands)
    _add_eval(commands)
    _add_v1(commands)
    warm = commands.add_parser("warm", help="build the engine's cache, so that the filter starts at once")
    warm.set_defaults(run=_warm)
    _add_presets(commands)
    _add_ctl(commands)
    version = commands.add_parser("version", help="print the installed release")
    version.set_defaults(run=_version)
    return parser


def size_px(text: str) -> tuple[int, int]:
    """"640x360" → (640, 360); argparse turns the ValueError into its own message."""
    width, _, height = text.lower().partition("x")
    size = int(width), int(height)
    if min(size) < 1:
        raise ValueError(f"{text} is not a picture size")
    return size


def place(text: str) -> tuple[float, float]:
    """"25,40" (percent) → (0.25, 0.4); argparse turns the ValueError into its own message."""
    x, y = (float(part) / 100.0 for part in text.split(","))
    if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        raise ValueError(f"{text} is not in the picture")
    return x, y


def quality(text: str) -> int:
    """"90" → 90; argparse turns the ValueError into its own message."""
    value = int(text)
    if not 0 <= value <= 100:
        raise ValueError(f"{text} is not between 0 and 100")
    return value


def _add_bench(commands) -> None:
    bench = commands.add_parser("bench", help="measure").add_subparsers(required=True, metavar="WHAT")
    transport = bench.add_parser("transport", help="the frame ring against queue and sockets")
    transport.add_argument("--json", type=Path, metavar="FILE")
    transport.set_defaults(run=_bench_transport)
    pipeline = bench.add_parser("pipeline", help="ring in to ring out, stage by stage")
    _add_model(pipeline)
    pipeline.add_argument("--size", type=size_px, default=(640, 360), metavar="WxH", help="of the frames in the rings")
    pipeline.add_argument("--frames", type=int, default=600)
    pipeline.add_argument("--clip", type=Path, metavar="FILE", help="a film to play instead of a man talking in a car")
    pipeline.add_argument("--random-weights", action="store_true",
                          help="v1 without a checkpoint: all of SD 1.5 on a GPU, a tiny net on a CPU")  # fmt: skip
    pipeline.add_argument("--one-stream", action="store_true", help="v1: all lanes on one CUDA stream")
    pipeline.add_argument("--json", type=Path, metavar="FILE")
    pipeline.set_defaults(run=_bench_pipeline)


def _add_run(commands) -> None:
    run = commands.add_parser("run", help="restyle a film, with its sound")
    run.add_argument("input", type=Path)
    run.add_argument("output", type=Path,
                     help=".mp4, .m4v, .mov or .mkv (H.264), .webm (VP9), or numbered pictures: picture-%%04d.png")
    run.add_argument("--overwrite", action="store_true", help="replace OUTPUT if it exists")
    run.add_argument("--quality", type=quality, metavar="0-100",
                     help="of the pictures; 100 loses next to nothing (default: 80, at most 3 times the source's "
                          "bitrate)")  # fmt: skip
    run.add_argument("--prompt", default="", help='such as "red leather jacket, city at night"')
    run.add_argument("--preset", default="")
    run.add_argument("--strength", type=float, default=1.0)
    run.add_argument("--who", default=EVERYONE, choices=WHO, help="is restyled; place: the one at --place")
    run.add_argument("--place", type=place, default=(0.5, 0.5), metavar="X,Y",
                     help="for --who place: percent of the picture from its upper left, such as 25,40")
    _add_model(run)
    run.add_argument("--structure-lock", type=float, default=0.5, help="v1: how much of the layout stays, 0 to 1")
    run.add_argument("--edit-region", default="everything", choices=EDIT_REGIONS, help="v1: where the edit may show")
    run.add_argument("--frames", type=int, default=0, help="stop after so many frames")
    run.set_defaults(run=_run)


def _add_model(command) -> None:
    """What a command that runs a model may be told of it."""
    command.add_argument("--model", default=TINY, choices=MODELS)
    command.add_argument("--checkpoint", default="", help="v1: a folder, a .safetensors file, a hub id or a known name")
    command.add_argument("--lora", default="", help="v1: lcm-lora, a file or a hub id, laid on the checkpoint")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    engines = ["auto", "eager", "captured", "compiled", "tensorrt", "onnx"]
    command.add_argument("--engine", default="auto", choices=engines,
                         help="v1: what runs it; one that is named is built before the first frame")  # fmt: skip
    command.add_argument("--steps", type=int, default=3, choices=range(1, 6))
    command.add_argument("--working-size", default="auto", choices=WORKING_SIZES)
    command.add_argument("--diffusion-size", type=size_px, metavar="WxH",
                         help="v1: of the picture that is diffused, instead of a working size")  # fmt: skip
    command.add_argument("--precision", default="auto", choices=["auto", "float16", "float32", "bfloat16"],
                         help="v1: auto is float16 on a graphics card, float32 on a processor")  # fmt: skip


def _add_train(commands) -> None:
    train = commands.add_parser("train", add_help=False, help="train mirage-lsd-tiny (needs the [train] extra)")
    train.set_defaults(run=_train)


def _add_v1(commands) -> None:
    from mirage_lsd.worker.programs import models as command

    models = commands.add_parser("models", help="list, fetch or check the checkpoints of mirage-lsd-v1")
    command.add_arguments(models)
    models.set_defaults(run=command.run)


def _add_eval(commands) -> None:
    from mirage_lsd.worker.eval.options import add_arguments

    evaluate = commands.add_parser("eval", help="score the model on held-out clips (needs the [train] extra)")
    add_arguments(evaluate)
    evaluate.set_defaults(run=_eval)


def _add_presets(commands) -> None:
    from mirage_lsd.worker.programs import presets

    presets.add_arguments(commands.add_parser("presets", help="list the looks, edit your own"))


def _add_ctl(commands) -> None:
    control = commands.add_parser("ctl", add_help=False, help="change and follow the looks in a running OBS")
    control.set_defaults(run=_ctl)


def _bench_transport(options) -> int:
    from mirage_lsd.worker.bench import transport

    return 0 if all(transport.run(options.json)["gates"].values()) else EXIT_GATE_MISSED


def _bench_pipeline(options) -> int:
    from mirage_lsd.worker.bench import pipeline

    pipeline.run(options)
    return 0


def _run(options) -> int:
    from mirage_lsd.worker.programs import run_file

    return run_file.run(options)


def _train(options) -> int:
    from mirage_lsd.worker.train import command

    parser = argparse.ArgumentParser(prog="mirage-lsd train")
    command.add_arguments(parser)
    return command.run(parser.parse_args(options.rest))


def _ctl(options) -> int:
    from mirage_lsd.worker.programs import ctl

    parser = argparse.ArgumentParser(prog="mirage-lsd ctl", description="Change and follow the looks in a running OBS.")
    ctl.add_arguments(parser)
    return ctl.run(parser.parse_args(options.rest))


def _eval(options) -> int:
    from mirage_lsd.worker.eval import run

    return run.run(options)


def _warm(_options) -> int:
    from mirage_lsd.worker.hosts.engine_host import EngineHost

    host = EngineHost()
    host.load()
    print(f"{host.model} is ready on {host.device} with {host.engine} after {host.load_ms:.0f} ms")
    return 0


def _version(_options) -> int:
    from mirage_lsd.shared.release import RELEASE

    print(RELEASE)
    return 0
