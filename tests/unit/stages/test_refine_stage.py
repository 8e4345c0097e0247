# SPDX-License-Identifier: Apache-2.0
"""The refine stage in real streams: faces keep every bit, whatever the eyes see and whatever the picture's shape."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts import model_context
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.paint.detail.refined import Refiner
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.layer_maps import LayerMaps
from mirage_lsd.worker.pipeline import header_for
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.full_size.refine import Refine
from mirage_lsd.worker.tracking.eyes.sight import OVAL, Sight

HOODIE = StreamSettings(prompt="red hoodie", working_size="small")
FRAMES, EDGE_PX = 4, 3
SHAPES = [(1920, 1080), (641, 359), (90, 60), (360, 640)]
MAPS = ("layer", "mask", "shares")


@pytest.fixture(scope="module")
def host() -> EngineHost:
    host = EngineHost()
    host.load()
    return host


@pytest.fixture(scope="module")
def astronaut() -> Callable[..., np.ndarray]:
    """(size, steps to the right) -> u8 [h,w,4] BGRA: the astronaut from the waist up."""
    picture = cv2.cvtColor(pytest.importorskip("skimage.data").astronaut(), cv2.COLOR_RGB2BGRA)

    def sized(size_px: tuple[int, int] = (640, 360), right_px: float = 0.0) -> np.ndarray:
        scale = max(size_px[0] / 640, size_px[1] / 420) if size_px[0] > size_px[1] else size_px[1] / 512
        place = np.float32([[scale, 0, size_px[0] / 2 - 230 * scale + right_px], [0, scale, 0]])
        small = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return cv2.warpAffine(picture, place, size_px, flags=small, borderMode=cv2.BORDER_REPLICATE)

    return sized


def jobs(host: EngineHost, pictures: list[np.ndarray], settings: StreamSettings = HOODIE) -> list[Job]:
    """Each picture's job after the last stage, its output a copy."""
    pipeline = host.new_pipeline()
    made = []
    for number, picture in enumerate(pictures):
        made.append(pipeline.run(Job(header_for(picture, number), settings, picture)))
        made[-1].output = made[-1].output.copy()
    pipeline.flush()
    return made


def inside_faces(job: Job) -> np.ndarray:
    """bool [h,w]: in a face's oval, away from its edge."""
    oval = np.zeros(job.source.shape[:2], np.uint8)
    for face in job.sight.faces[:1]:  # on this picture the mission's badge is one, too
        cv2.fillPoly(oval, [np.rint(face.points_px[list(OVAL)]).astype(np.int32)], 1)
    edge_px = EDGE_PX * max(1, round(max(job.source.shape) / 640))
    return cv2.erode(oval, np.ones((2 * edge_px + 1,) * 2, np.uint8)) > 0


def painted(job: Job) -> np.ndarray:
    """bool [h,w]: what is not the source's."""
    return np.abs(job.output.astype(int) - job.source).max(-1) > 8


@pytest.mark.parametrize("prompt", ["red hoodie", "white t-shirt", "leather jacket", "striped dress", "forest, suit"])
def test_in_a_face_every_bit_is_the_sources_and_the_rest_is_dressed(host, astronaut, prompt):
    job = jobs(host, [astronaut()] * FRAMES, replace(HOODIE, prompt=prompt))[-1]
    face = inside_faces(job)
    assert face.sum() > 3000 and np.array_equal(job.output[face], job.source[face])
    assert painted(job)[200:, 200:440].mean() > 0.5


def test_hair_and_scene_looks_go_through(host, astronaut):
    plain, red, forest = (
        jobs(host, [astronaut()] * FRAMES, replace(HOODIE, prompt=words))[-1] for words in
        ("red hoodie", "long red hair", "forest")
    )  # fmt: skip
    hair = cv2.resize(plain.encoded.regions[0, 3], plain.source.shape[1::-1]) > 0.5
    blue, green, most = np.moveaxis(red.output[..., :3][painted(red)].astype(int), 1, 0)
    assert painted(red).sum() > 3000 and np.mean((most > 1.5 * green) & (most > 1.5 * blue)) > 0.7
    assert painted(plain)[hair].mean() < 0.02 < 0.1 < painted(red)[hair].mean()
    assert painted(forest)[:60, :60].mean() > 0.9
    face = inside_faces(forest)
    assert face.any() and np.array_equal(forest.output[face], forest.source[face])


def test_at_strength_0_it_is_the_source(host, astronaut):
    job = jobs(host, [astronaut()] * 2, replace(HOODIE, strength=0.0))[-1]
    assert np.array_equal(job.output, job.source)


@pytest.mark.parametrize("size_px", SHAPES, ids=str)
def test_any_shape_of_picture(host, astronaut, size_px):
    job = jobs(host, [astronaut(size_px)] * FRAMES)[-1]
    assert job.output.shape == job.source.shape and painted(job).mean() > 0.1
    face = inside_faces(job)
    assert np.array_equal(job.output[face], job.source[face])
    assert max(job.edit.fine.layer.shape[1:]) <= max(640, max(job.source.shape) // 3)


def test_without_eyes_people_are_dressed_as_before(host, astronaut, monkeypatch):
    seeing = jobs(host, [astronaut()] * FRAMES)[-1]

    class Blind:
        def faces(self, _source: np.ndarray) -> tuple:
            return ()

        hands = faces

        def reset(self) -> None:
            pass

        def expect(self, _sight: Sight) -> None:
            pass

    monkeypatch.setattr(model_context, "Eyes", Blind)
    blind = jobs(host, [astronaut()] * FRAMES)[-1]
    assert blind.sight == Sight()
    both = painted(blind) & painted(seeing)
    assert both.sum() > 0.85 * painted(seeing).sum()


def test_a_picture_without_people_keeps_every_bit(host):
    noise = np.random.default_rng(0).integers(0, 255, (5, 8, 4), np.uint8)
    room = cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC)
    for job in jobs(host, [room] * 3):
        assert np.array_equal(job.output, job.source)


def refined(stage: Refine, job: Job) -> LayerMaps:
    """The stage's maps of a job that has been through the pipeline before."""
    return stage(job).edit.fine


FORGETS = {"reset": lambda stage, _job: stage.reset(), "cut": lambda _stage, job: setattr(job, "motion", None)}


@pytest.mark.parametrize("forgets", FORGETS.values(), ids=FORGETS)
def test_what_was_before_is_forgotten(host, astronaut, forgets):
    last = jobs(host, [astronaut()] * FRAMES)[-1]
    other = jobs(host, [cv2.cvtColor(cv2.flip(astronaut(), 1), cv2.COLOR_BGRA2RGBA)] * FRAMES)[-1]
    fresh, used, forgetful = Refine(), Refine(), Refine()
    wanted = refined(fresh, last)
    for stage in (used, forgetful):
        for _ in range(8):
            refined(stage, other)
    held = refined(used, last)
    assert any(not np.array_equal(getattr(held, name), getattr(wanted, name)) for name in MAPS)
    forgets(forgetful, last)
    made = refined(forgetful, last)
    for name in MAPS:
        assert np.array_equal(getattr(made, name), getattr(wanted, name)), name


def test_another_look_is_there_at_once_where_nothing_moves(host, astronaut):
    picture, pipeline = astronaut(), host.new_pipeline()

    def shown(prompt: str, frames: int) -> Job:
        for number in range(frames):
            job = pipeline.run(Job(header_for(picture, number), replace(HOODIE, prompt=prompt), picture))
        return job

    shown("red hoodie", 8)
    shown("forest", 2)
    chest = np.s_[250:330, 260:360]
    assert painted(shown("red hoodie", 2))[chest].mean() > 0.8
    assert painted(shown("forest", 2))[chest].mean() < 0.05
    pipeline.flush()


def test_memory_is_flat(host, astronaut):
    last = jobs(host, [astronaut()] * 2)[-1]
    stage, sizes_bytes = Refine(), []
    pictures = [astronaut(right_px=40 * np.sin(number / 5)) for number in range(20)]
    tracemalloc.start()
    for number in range(100):
        last.source = pictures[number % len(pictures)]
        refined(stage, last)
        last.edit.fine = None
        sizes_bytes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(sizes_bytes[80:]) < 1.02 * max(sizes_bytes[20:40])


def test_where_nothing_is_painted_the_maps_are_the_nets_own(host, astronaut):
    job = jobs(host, [astronaut()] * 2)[-1]
    nothing = replace(job.edit.maps, mask=np.zeros_like(job.edit.maps.mask))
    made = Refiner()(job.source, job.working.rgb, nothing, job.encoded, job.sight, Dyes())
    assert made is nothing


def test_mirage_lsd_v1_has_no_part_in_it(checkout):
    files = [*(checkout / "worker/v1").rglob("*.py")]
    assert files
    assert [file.name for file in files if "paint.detail" in file.read_text(encoding="utf-8")] == []
