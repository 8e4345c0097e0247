# SPDX-License-Identifier: Apache-2.0
"""The one place where stages are run, timed and made to forget."""

from __future__ import annotations

import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.model_host import Passthrough
from mirage_lsd.worker.hosts.vram import OutOfVramError
from mirage_lsd.worker.pipeline import Pipeline, header_for
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.transport import HostTransport

SETTINGS = StreamSettings()


class Model(Passthrough):
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.other_size = False
        self.frames_ms: list[float] = []

    def fit(self, width_px: int, height_px: int, working_size: str) -> bool:
        return self.other_size

    def forget(self) -> None:
        self.log.append("forget")

    release = forget

    def record_frame(self, settings: StreamSettings, size_px: tuple[int, int], frame_ms: float) -> None:
        self.frames_ms.append(frame_ms)


class Step(Stage):
    """Writes down that it ran; `does` may change the job or fail."""

    def __init__(self, name: str, log: list[str], does=lambda job: None) -> None:
        self.name, self._log, self._does = name, log, does

    def __call__(self, job: Job) -> Job:
        self._log.append(self.name)
        self._does(job)
        return job

    def reset(self) -> None:
        self._log.append(f"reset {self.name}")


def picture(width_px: int = 8) -> np.ndarray:
    return np.full((4, width_px, 4), 7, np.uint8)


@pytest.fixture
def model() -> Model:
    return Model()


def pipeline_of(model: Model, does=lambda job: None) -> Pipeline:
    """Two stages that have run once, with a log that starts then."""
    steps = Step("first", model.log, does), Step("second", model.log)
    made = Pipeline(model, model, steps, HostTransport())
    made.restyle(picture(), SETTINGS)
    model.log.clear()
    return made


def test_stages_run_in_order_and_are_timed(model):
    job = pipeline_of(model).run(Job(header_for(picture(), 2), SETTINGS, picture()))
    assert model.log == ["first", "second"] and list(job.stage_ms) == ["first", "second"]
    assert model.frames_ms[-1] == pytest.approx(sum(job.stage_ms.values()))


def test_the_past_goes_once_and_before_the_next_stage_where_one_sees_a_cut(model):
    cut = [False]
    made = pipeline_of(model, lambda job: setattr(job, "cut", cut[0]))
    cut[0] = True
    made.restyle(picture(), SETTINGS)
    assert model.log == ["first", "forget", "second"]


def test_another_working_size_costs_the_past_and_another_source_size_all(model):
    made = pipeline_of(model)
    model.other_size = True
    made.restyle(picture(), SETTINGS)
    assert model.log == ["forget", "first", "second"]
    model.log.clear()
    model.other_size = False
    made.restyle(picture(16), SETTINGS)
    assert model.log == ["forget", "reset first", "reset second", "first", "second"]


def test_a_reset_forgets_all(model):
    pipeline_of(model).reset()
    assert model.log == ["forget", "reset first", "reset second"]


def test_running_out_of_memory_costs_a_repetition_not_a_picture(model):
    failures = [None, OutOfVramError("full"), None]

    def fail(_job: Job) -> None:
        if (error := failures.pop(0)) is not None:
            raise error

    assert np.array_equal(pipeline_of(model, fail).restyle(picture(), SETTINGS), picture())
    assert model.log == ["first", "first", "second"]
    failures[:] = [None, OutOfVramError("full")]
    model.ready = False
    with pytest.raises(OutOfVramError):
        pipeline_of(model, fail).restyle(picture(), SETTINGS)


def test_passthrough_gives_the_picture_back():
    host = Passthrough()
    made = host.new_pipeline()
    assert np.array_equal(made.restyle(picture(), SETTINGS), picture())
    assert host.ready and host.prepare(8, 4, "auto") and made.made_by == {"none": 1}
    made.flush()
