# SPDX-License-Identifier: Apache-2.0
"""What the v1 stages of one stream share: its frame program, what it remembers, and how it edits.

Called by the pipeline's thread. Invariant: memory is bounded: the program's static buffers hold one frame of history
and one anchor frame, however long the stream. The host's `generation` rises when it had to choose another plan (out
of graphics memory) or model: then the program is made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.engines.device.device import ran_out_of_memory
from mirage_lsd.worker.v1.frame.look import prompt_look
from mirage_lsd.worker.v1.frame.masks import PersonMasks
from mirage_lsd.worker.v1.frame.program import FrameProgram, ProgramOptions
from mirage_lsd.worker.v1.frame.stream_prompt import StreamPrompt
from mirage_lsd.worker.v1.graphs.noise import NoiseSource
from mirage_lsd.worker.v1.graphs.schedule import StepPlan
from mirage_lsd.worker.v1.graphs.shapes import SdShapes

if TYPE_CHECKING:
    from mirage_lsd.worker.hosts.v1_host import V1Host

ANCHOR_EVERY_FRAMES = 48


@dataclass
class Memory:
    """frames: since the reset. latent: whether there is a last picture. caches, anchor: whether they may be used."""

    frames: int = 0
    latent: bool = False
    caches: bool = False
    anchor: bool = False

    def forget(self) -> None:
        """As after a cut: nothing of the past may be used."""
        self.frames, self.latent, self.caches, self.anchor = 0, False, False, False


class V1Context:
    """live: masks may be a frame old, and a prompt that is being read is waited for by no frame. options: for the
    program (benchmarks and tests)."""

    def __init__(self, host: V1Host, live: bool = True, options: ProgramOptions | None = None) -> None:
        self.host = host
        self.memory = Memory()
        self.masks = PersonMasks(live)
        self.prompt = StreamPrompt(host.new_prompts(), live)
        self.program: FrameProgram | None = None
        self.shapes: SdShapes | None = None
        self.noise: NoiseSource | None = None
        self.plan: StepPlan | None = None
        self._options = options or ProgramOptions()
        self._fitted: object = None
        self._seeded: object = None
        self._must_forget = False

    @property
    def engine(self) -> str:
        """What runs the frame under way."""
        return self.program.engine

    def begin(self, width_px: int, height_px: int, settings: StreamSettings) -> FrameProgram:
        """The program for a frame of this size, with the frame begun; made now when the size is new."""
        fitted = (self.host.generation, width_px, height_px, settings.working_size)
        if fitted != self._fitted:
            self._drop_program()
            self.shapes = self.host.shapes_for(width_px, height_px, settings.working_size)
            self.program = self.host.new_program(self.shapes, self._options)
            self.prompt.copy_again()
            self._fitted, self._seeded, self._must_forget = fitted, None, True
        if self._seeded != settings.seed:
            self.noise, self._seeded = NoiseSource(settings.seed, self.shapes), settings.seed
        if not self.program.begin_frame():
            self.host.note("the picture was not a number; the stream started afresh")
            self._must_forget = True
        if self.prompt.follow(prompt_look(settings), self.host.note):
            self.memory.caches = self.memory.anchor = False
        self.plan = self.prompt.look.control.plan(self.host.schedule, settings.steps, self.host.config)
        return self.program

    def fit(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Whether `begin`, which upload has called, made a new program or met a picture that was none."""
        must_forget, self._must_forget = self._must_forget, False
        return must_forget

    def numbers(self) -> dict[str, np.ndarray]:
        """The small inputs of the frame under way."""
        control, plan, memory = self.prompt.look.control, self.plan, self.memory
        steps, timesteps = np.zeros((5, 1, plan.steps.shape[1]), np.float32), np.zeros((5, 1), np.float32)
        steps[: len(plan.steps), 0], timesteps[: len(plan.timesteps), 0] = plan.steps, plan.timesteps
        history = np.array([[memory.caches, memory.anchor]], np.float32)
        return {
            "mix": control.mix(plan, memory.latent),
            "history": history,
            "dither": self.noise.dither(),
            "edit_regions": control.edit_regions(),
            "guidance": control.guidance_embedding(self.host.config) if self.host.config.guidance else history,
            "step_table": steps,
            "timestep_table": timesteps,
        }

    def forget(self) -> None:
        """Drops the stream's past. The pipeline's to call."""
        self.memory.forget()
        self.masks.reset()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns running out of memory into the host's OutOfVramError."""
        try:
            yield
        except RuntimeError as error:
            if not ran_out_of_memory(error):
                raise
            raise self.host.out_of_memory(error) from None  # the traceback would keep what must be freed

    def release(self) -> None:
        """Gives everything back."""
        self._drop_program()
        self.masks.close()
        self.prompt.close()

    def _drop_program(self) -> None:
        if self.program is not None:
            self.program.lanes.finish()
            self.host.drop_program(self.program)
            self.program = None
            self.host.release_memory()
        self._fitted = None
