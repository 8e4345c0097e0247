# SPDX-License-Identifier: Apache-2.0
"""What v1's edit control changes in a frame, and what it leaves as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sd_stream

from mirage_lsd.shared.errors import FieldError
from mirage_lsd.worker.models.nets.upscaler import luma
from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM
from mirage_lsd.worker.v1.graphs.edit import REGIONS, EditControl
from mirage_lsd.worker.v1.graphs.frames import UpscaleGraph, with_detail
from mirage_lsd.worker.v1.graphs.shapes import SdShapes
from mirage_lsd.worker.v1.graphs.source import EncodeGraph
from mirage_lsd.worker.v1.nets.random_model import random_model

SHAPES = SdShapes((320, 180), (192, 104))


@pytest.fixture(scope="module")
def model():
    return random_model(SMALL_RANDOM, seed=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("what", ["strength", "matte"])
def test_nothing_to_edit_gives_the_frame_bit_for_bit(dtype, what: str) -> None:
    frame = torch.arange(256, dtype=torch.uint8).repeat(40).reshape(40, 64, 4)
    picture = torch.rand(1, 3, 16, 24).to(dtype)
    cover, strength = (1.0, 0.0) if what == "strength" else (0.0, 1.0)
    matte = torch.full((1, 1, 16, 24), cover, dtype=dtype)
    found = UpscaleGraph()(frame, picture, picture, matte, torch.tensor([strength]))
    assert torch.equal(found, frame)


def test_detail_comes_back_where_the_edit_follows_the_source() -> None:
    """An unchanged picture comes back sharper than plain enlarging, a repainted one without the source's texture."""
    scene = sd_stream.photograph((180, 320))
    small = torch.nn.functional.avg_pool2d(scene, 2)
    plain = torch.nn.functional.interpolate(small, size=(180, 320), mode="bilinear", align_corners=False)
    found = with_detail(small, luma(small), luma(scene))
    assert (found - scene).square().mean() < 0.35 * (plain - scene).square().mean()
    repainted = torch.full_like(small, 0.5)
    assert (with_detail(repainted, luma(small), luma(scene)) - 0.5).abs().max() < 1e-3


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_edited_and_the_rest_is_not(model, region: str) -> None:
    graph = EncodeGraph(model.autoencoder, sd_stream.QuarterRegions(), SHAPES, torch.float32)
    person = torch.zeros(1, 1, 144, 256)
    person[..., :128] = 1.0
    source = torch.rand(1, 3, 104, 192)
    with torch.inference_mode():
        _, cells, matte = graph(source, person, torch.from_numpy(EditControl(region=region).edit_regions()))
    wanted = sd_stream.expected_cover(region, matte.shape[2:])
    inner = sd_stream.away_from_edges(wanted)
    assert (matte - wanted)[inner].abs().max() < 0.2
    assert (cells[0, 0] >= torch.nn.functional.avg_pool2d(matte, 8)[0, 0] - 1e-6).all()


def test_outside_the_mask_the_latent_ends_as_the_sources(model) -> None:
    stream = sd_stream.Stream(model, SHAPES)
    stream.control = EditControl(region="person")
    person = np.zeros((1, 1, 144, 256), np.float32)
    person[..., :96] = 1.0
    stream.frame(sd_stream.frame_bytes(0, SHAPES), person)
    kept = stream.seen["edit_mask"][0, 0] == 0
    assert kept.any()
    difference = (stream.seen["latent"] - stream.seen["source_latent"])[0][:, kept]
    assert difference.abs().max() < 1e-4
    assert (stream.seen["latent"] - stream.seen["source_latent"])[0][:, ~kept].abs().max() > 0.1


def test_structure_lock_keeps_more_of_the_source(model) -> None:
    away = []
    for lock in (0.0, 0.5, 1.0):
        stream = sd_stream.Stream(model, SHAPES)
        stream.control = EditControl(structure_lock=lock)
        for number in range(2):
            stream.frame(sd_stream.frame_bytes(number, SHAPES))
        away.append(float((stream.seen["start"] / stream.seen["alpha"] - stream.seen["source_latent"]).std()))
    assert away[0] > 2 * away[1] > 4 * away[2]


def test_guidance_reaches_the_picture_without_a_second_pass(model) -> None:
    for config in (SMALL_RANDOM, replace(SMALL_RANDOM, guidance=0)):
        net = model if config is SMALL_RANDOM else random_model(config)
        latents, calls = [], []
        for guidance in (1.0, 8.0):
            stream = sd_stream.Stream(net, SHAPES)
            stream.control = EditControl(guidance=guidance)
            stream.frame(sd_stream.frame_bytes(0, SHAPES))
            latents.append(stream.seen["latent"])
            calls.append(stream.denoise_batches)
        assert (latents[0] - latents[1]).abs().max() > 1e-3
        assert calls == [[1] * 4, [1] * 4]


@pytest.mark.parametrize("fields", [{"strength": 1.5}, {"structure_lock": -0.1}, {"guidance": float("nan")},
                                    {"region": "shoes"}, {"history": 2.0}])
def test_a_bad_control_is_refused_by_name(fields: dict) -> None:
    with pytest.raises(FieldError) as refused:
        EditControl(**fields)
    assert refused.value.field == next(iter(fields))
