# SPDX-License-Identifier: Apache-2.0
"""The rival of the graphics-card benchmark makes the picture that diffusers means it to make."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from random_checkpoints import write_random_checkpoint

from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM

SIZE_PX = (64, 64)


def test_the_rival_s_latents_and_pictures_are_ours(checkout: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("v1_rivals", checkout / "tests/bench/v1_rivals.py")
    rivals = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rivals)
    folder = write_random_checkpoint(tmp_path, SMALL_RANDOM)
    model = load_v1(ModelRequest(str(folder), device="cpu", dtype="float32"))
    plan = rivals.CONTROL.plan(model.schedule, 1, model.config)
    theirs = rivals.diffusers_step_batch(folder, "cpu", torch.float32, SIZE_PX, 1, plan)
    image = torch.rand(1, 3, *SIZE_PX, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        latent = model.autoencoder.encode(image)
        assert torch.allclose(theirs._encode(image), latent, atol=1e-4)
        assert torch.allclose(theirs._decode(latent).clamp(0, 1), model.autoencoder.decode(latent), atol=1e-4)
