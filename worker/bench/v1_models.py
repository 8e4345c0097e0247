# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1 as the pipeline benchmark takes it: loaded, with the wanted engine. Needs torch."""

from __future__ import annotations

import importlib.util
import sys

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.bench.floor import floor_of
from mirage_lsd.worker.hosts import devices
from mirage_lsd.worker.hosts.models_host import Choice
from mirage_lsd.worker.hosts.v1_host import V1Host, V1Options
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.programs.run_file import checkpoint_of
from mirage_lsd.worker.v1.frame.program import FrameProgram, ProgramOptions
from mirage_lsd.worker.v1.frame.wiring import FRAME_GRAPHS
from mirage_lsd.worker.v1.graphs.shapes import SdShapes

RANDOM_ON_GPU, RANDOM_ON_CPU = "random:lcm-sd15", "random:tiny-random"


class TimedHost(V1Host):
    """Its streams record how long each stage took. one_stream: all lanes on one CUDA stream."""

    one_stream = False
    program: FrameProgram | None = None  # the newest one, kept to tell about it when its stream is closed

    def new_program(self, shapes: SdShapes, options: ProgramOptions) -> FrameProgram:
        """As the host's."""
        self.program = super().new_program(shapes, options)
        return self.program

    def new_pipeline(self, live: bool = True, options: ProgramOptions | None = None) -> Pipeline:
        """With lanes and clocks as the benchmark wants them."""
        return super().new_pipeline(live, ProgramOptions(separate=not self.one_stream, timed=True))


class BenchV1:
    """Stands for ModelsHost where there is one model, already loaded."""

    warm_up_frames = 10
    overlaps = True

    def __init__(self, options) -> None:
        gpus = devices.find_gpus()
        gpu = devices.resolve(options.device, gpus)
        checkpoint = checkpoint_of(options)
        if options.random_weights:
            checkpoint = RANDOM_ON_GPU if gpu else RANDOM_ON_CPU
        engine = options.engine if options.engine != "auto" else _best_engine(gpu)
        self.host = TimedHost(
            V1Options(checkpoint, options.device, options.precision, engine, options.diffusion_size), gpus)
        self.host.one_stream = options.one_stream
        self.host.load()

    def choose(self, settings: StreamSettings) -> Choice:
        """Always the one there is; while the first prompt is read the source is shown, which the warm-up swallows."""
        return Choice(self.host)

    def facts(self) -> dict:
        """What runs."""
        if self.host.notes:
            print("\n".join(self.host.notes), file=sys.stderr)
        program = self.host.program
        return {
            "model": self.host.model, "engine": program.engine, "device": self.host.device, "what": self.host.text,
            "diffusion_size": "x".join(map(str, program["source#now"].shape[:1:-1])),
            "precision": program.graphs.precision,
            "streams": "one" if self.host.one_stream else "separate", "notes": self.host.notes,
        }

    def vram_bytes(self) -> int | None:
        """The most that was reserved on the card."""
        return None if self.host.device == devices.CPU else self.host.processor.used_bytes()

    def floor(self, settings: StreamSettings) -> dict:
        """The least time a frame could take by its arithmetic."""
        return floor_of(self.host.program.graphs, dict.fromkeys(FRAME_GRAPHS, 1) | {"denoise": settings.steps})

    def close(self) -> None:
        """Lets the model go."""
        self.host.close()


def _best_engine(gpu: devices.Gpu | None) -> str:
    if gpu is None:
        return "eager"
    try:
        devices.check_torch(gpu)
    except MirageError:
        return "eager"
    return "tensorrt" if importlib.util.find_spec("tensorrt") and gpu.cuda[0] else "compiled"
