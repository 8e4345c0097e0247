# SPDX-License-Identifier: Apache-2.0
"""With temporal parts off, the v1 nets and schedules are diffusers', to 1e-4, on random checkpoints of any size."""

from __future__ import annotations

import fcntl
import gc
import json
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers
import sd_checkpoints

from mirage_lsd.worker.v1.checkpoint.assemble import build_unet
from mirage_lsd.worker.v1.checkpoint.tensors import load_into, read_tensors
from mirage_lsd.worker.v1.graphs.config import LCM_SD15, SD15, SD_TURBO, TEMPORAL_OFF, SdConfig
from mirage_lsd.worker.v1.graphs.sampling import start_latent, step_update
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule, guidance_features
from mirage_lsd.worker.v1.nets.taesd import Taesd

AGREEMENT = 1e-4
CLOSE = 1e-5  # for the small nets, where a fault deep in the net changes the output by a few 1e-5 only
SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@contextmanager
def big_memory():
    """One test with gigabytes of weights at a time on a machine."""
    with open(Path(tempfile.gettempdir()) / "mirage-bigmem.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            gc.collect()


def saved_and_read(reference, folder: Path, prediction: str = "epsilon"):
    """Our U-Net, read from what diffusers' save_pretrained wrote."""
    reference.save_pretrained(folder)
    described = json.loads((folder / "config.json").read_text())
    config = SdConfig.from_diffusers(described, prediction, TEMPORAL_OFF)
    return build_unet(config, read_tensors(folder / "diffusion_pytorch_model.safetensors"), "test").eval()


def difference(reference, own, config: SdConfig, cells: tuple[int, int]) -> float:
    torch.manual_seed(7)
    latent, tokens = torch.randn(1, 4, *cells), torch.randn(1, 77, config.token)
    guidance = torch.randn(1, config.guidance) if config.guidance else None
    with torch.inference_mode():
        wanted = reference(latent, torch.tensor([501.0]), tokens, timestep_cond=guidance).sample
        found, _ = own(latent, torch.tensor([501.0]), tokens, guidance)
    assert wanted.abs().max() > 0.1, "the reference says nothing, so that agreement would mean nothing"
    return (found - wanted).abs().max().item()


@pytest.mark.parametrize("config", [sd_checkpoints.SMALL_SD15, sd_checkpoints.SMALL_SD21, sd_checkpoints.SMALL_LCM],
                         ids=["sd15", "sd21", "lcm"])
@pytest.mark.parametrize("cells", [(8, 8), (10, 18)], ids=["even", "odd at every level below"])
def test_a_small_unet_is_diffusers_unet(tmp_path: Path, config: SdConfig, cells: tuple[int, int]) -> None:
    reference = sd_checkpoints.unet_reference(config)
    own = saved_and_read(reference, tmp_path)
    assert difference(reference, own, config, cells) < CLOSE


@pytest.mark.slow
@pytest.mark.parametrize("config", [LCM_SD15, SD_TURBO], ids=["lcm-sd15", "sd-turbo"])
def test_a_full_size_unet_is_diffusers_unet(tmp_path: Path, config: SdConfig) -> None:
    with big_memory():
        reference = sd_checkpoints.unet_reference(config)
        assert sum(value.numel() for value in reference.parameters()) > 850e6
        own = saved_and_read(reference, tmp_path)
        assert difference(reference, own, config, (8, 8)) < AGREEMENT


def test_a_changed_weight_is_noticed(tmp_path: Path) -> None:
    reference = sd_checkpoints.unet_reference(SD15_SMALL)
    own = saved_and_read(reference, tmp_path)
    with torch.no_grad():
        own.mid_block.resnets[0].conv1.weight.mul_(1.05)
    assert difference(reference, own, SD15_SMALL, (8, 8)) > CLOSE


SD15_SMALL = replace(SD15, widths=sd_checkpoints.SMALL_SD15.widths, token=32, groups=8)


@pytest.mark.parametrize("sizes", [{}, sd_checkpoints.SMALL_TAESD], ids=["full", "small"])
def test_the_tiny_autoencoder_is_diffusers_autoencoder(tmp_path: Path, sizes: dict) -> None:
    torch.manual_seed(0)
    reference = diffusers.AutoencoderTiny(**sizes).eval()
    reference.save_pretrained(tmp_path)
    own = Taesd(json.loads((tmp_path / "config.json").read_text())).eval()
    load_into(own, read_tensors(tmp_path / "diffusion_pytorch_model.safetensors"), "test")
    picture, latent = torch.rand(1, 3, 72, 64), 3 * torch.randn(1, 4, 9, 8)
    with torch.inference_mode():
        wanted = reference.encode(picture * 2 - 1).latents
        assert (own.encode(picture) - wanted).abs().max() < AGREEMENT
        assert wanted.std() > 0.01
        back = (reference.decode(latent).sample + 1) / 2
        assert (own.decode_raw(latent) - back).abs().max() < AGREEMENT


def schedule_of(reference) -> FewStepSchedule:
    """Ours, from what diffusers' scheduler would save."""
    return FewStepSchedule.from_diffusers({"_class_name": type(reference).__name__, **reference.config})


def own_run(schedule: FewStepSchedule, plan, latent, predict, noises, velocity: bool):
    """The graph's arithmetic through all steps, everything edited."""
    noise = torch.cat([torch.zeros_like(latent), *noises], dim=1)
    noise = torch.nn.functional.pad(noise, (0, 0, 0, 0, 0, 20 - noise.shape[1]))
    for i, time in enumerate(plan.timesteps):
        step = torch.from_numpy(plan.steps[i : i + 1])
        latent = step_update(latent, predict(latent, float(time)), step, noise, torch.zeros_like(latent),
                             torch.ones_like(latent[:, :1]), velocity)
    return latent


def predict(latent, time: float):
    """Some smooth function of latent and time, instead of a net."""
    return torch.tanh(latent * 0.7 + time / 1000) + 0.1 * latent.roll(1, dims=3)


@pytest.mark.parametrize("steps", [1, 3, 4, 5])
@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_lcm_steps_are_diffusers(monkeypatch, steps: int, strength: float, prediction: str) -> None:
    reference = diffusers.LCMScheduler(**SD_BETAS, prediction_type=prediction)
    reference.set_timesteps(steps, original_inference_steps=50, strength=strength)
    plan = schedule_of(reference).plan(steps, strength)
    assert plan.timesteps.tolist() == reference.timesteps.tolist()
    torch.manual_seed(1)
    start, noises = torch.randn(1, 4, 6, 5), [torch.randn(1, 4, 6, 5) for _ in range(4)]
    waiting = iter(noises)
    monkeypatch.setattr(diffusers.schedulers.scheduling_lcm, "randn_tensor", lambda *a, **k: next(waiting))
    latent = start
    for time in reference.timesteps:
        latent, clean = reference.step(predict(latent, float(time)), time, latent, return_dict=False)
    found = own_run(FewStepSchedule(), plan, start, predict, noises, prediction == "v_prediction")
    assert (found - clean).abs().max() < AGREEMENT


@pytest.mark.parametrize("steps", [1, 2, 4, 5])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_ddim_steps_are_diffusers(steps: int, prediction: str) -> None:
    reference = diffusers.DDIMScheduler(**SD_BETAS, prediction_type=prediction, timestep_spacing="trailing",
                                        clip_sample=False, set_alpha_to_one=True)
    reference.set_timesteps(steps)
    schedule = schedule_of(reference)
    plan = schedule.plan(steps)
    assert plan.timesteps.tolist() == reference.timesteps.tolist()
    torch.manual_seed(2)
    start = latent = torch.randn(1, 4, 6, 5)
    for time in reference.timesteps:
        latent = reference.step(predict(latent, float(time)), time, latent).prev_sample
    found = own_run(schedule, plan, start, predict, [], prediction == "v_prediction")
    assert (found - latent).abs().max() < AGREEMENT


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_turbo_steps_are_diffusers_euler(steps: int) -> None:
    """SD-Turbo ships an Euler scheduler, whose sample is ours divided by alpha."""
    reference = diffusers.EulerDiscreteScheduler(**SD_BETAS, timestep_spacing="trailing")
    reference.set_timesteps(steps)
    schedule = schedule_of(reference)
    plan = schedule.plan(steps)
    assert plan.timesteps.tolist() == reference.timesteps.tolist()
    torch.manual_seed(3)
    start = torch.randn(1, 4, 6, 5)
    latent = start / plan.start[0]
    for time in reference.timesteps:
        scaled = reference.scale_model_input(latent, time)
        latent = reference.step(predict(scaled, float(time)), time, latent).prev_sample
    found = own_run(schedule, plan, start, predict, [], False)
    assert (found - latent).abs().max() < 1e-3 * latent.abs().max(), "Euler works at up to 15 times our scale"


def test_a_start_is_add_noise() -> None:
    reference = diffusers.DDIMScheduler(**SD_BETAS)
    plan = FewStepSchedule().plan(4, 0.5)
    torch.manual_seed(4)
    clean, noise = torch.randn(1, 4, 6, 5), torch.randn(1, 20, 6, 5)
    mix = torch.tensor([[*plan.start, 0.0]])
    wanted = reference.add_noise(clean, noise[:, :4], torch.tensor([int(plan.timesteps[0])]))
    found = start_latent(clean, torch.full_like(clean, 9.0), torch.ones(1, 1, 6, 5), noise, mix)
    assert (found - wanted).abs().max() < AGREEMENT


def test_the_guidance_embedding_is_the_lcm_pipelines() -> None:
    pipeline = diffusers.LatentConsistencyModelPipeline
    wanted = pipeline.get_guidance_scale_embedding(None, torch.tensor([8.0 - 1]), 256).numpy()
    assert np.abs(guidance_features(8.0, 256) - wanted).max() < 2e-3, "sines of numbers up to 7000, in float32 there"


def test_a_whole_picture_is_the_lcm_pipelines(tmp_path: Path) -> None:
    """Text, U-Net with guidance, four LCM steps, decoder: our parts against diffusers' pipeline, end to end."""
    from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
    from mirage_lsd.worker.v1.nets.text import ClipTokens, encode_prompt

    config = replace(sd_checkpoints.SMALL_LCM, guidance=256)
    folder = sd_checkpoints.write_reference_checkpoint(tmp_path, config)
    model = load_v1(ModelRequest(str(folder), temporal=TEMPORAL_OFF))
    tokens = encode_prompt(model.text, ClipTokens(model.tokenizer)("a red jacket").ids)
    guidance = torch.from_numpy(guidance_features(4.0, 256))
    torch.manual_seed(5)
    start = torch.randn(1, 4, 8, 8)
    noises = [torch.randn(1, 4, 8, 8) for _ in range(3)]
    picture = diffusers_picture(folder, start, noises)
    plan = model.schedule.plan(4)

    def through_unet(latent, time: float):
        return model.unet(latent, torch.tensor([time]), tokens, guidance)[0]

    with torch.inference_mode():
        found = model.autoencoder.decode(own_run(model.schedule, plan, start, through_unet, noises, False))
    assert (found - picture).abs().max() < 2e-3, "guidance features of float32 sines differ by as much"


def diffusers_picture(folder: Path, start, noises):
    from transformers import CLIPTextModel, CLIPTokenizer

    pipe = diffusers.LatentConsistencyModelPipeline(
        diffusers.AutoencoderTiny.from_pretrained(folder / "vae"),
        CLIPTextModel.from_pretrained(folder / "text_encoder"),
        CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        diffusers.UNet2DConditionModel.from_pretrained(folder / "unet"),
        diffusers.LCMScheduler.from_pretrained(folder / "scheduler"), None, None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    waiting = iter(noises)
    module = diffusers.schedulers.scheduling_lcm
    kept, module.randn_tensor = module.randn_tensor, lambda *a, **k: next(waiting)
    try:
        return pipe("a red jacket", num_inference_steps=4, guidance_scale=4.0, latents=start, output_type="pt",
                    height=64, width=64).images
    finally:
        module.randn_tensor = kept


