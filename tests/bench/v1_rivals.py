# SPDX-License-Identifier: Apache-2.0
"""What v1_compare.py measures mirage-lsd-v1 against, on the same weights, scheduler and steps. Needs diffusers.

`DiffusersImg2Img` is diffusers' own image-to-image pipeline. `StepBatch` is StreamDiffusion's step batching (one
U-Net pass a frame over a batch of frames at different steps, so a frame leaves `steps` frames after it came), around
either diffusers' U-Net or ours; written here because PyPI's streamdiffusion needs a diffusers of 2023.
Pictures come from and go to main memory in all of them: uint8 [h, w, 4] BGRA.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import diffusers
import torch

from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.graphs.config import TEMPORAL_OFF
from mirage_lsd.worker.v1.graphs.edit import EditControl
from mirage_lsd.worker.v1.graphs.sampling import step_update

PROMPT = "red leather jacket, city night"
CONTROL = EditControl()


def compiled(module: torch.nn.Module, device: str) -> torch.nn.Module:
    """torch.compile with its own CUDA graphs on a card; plain on a CPU, where only the script is rehearsed."""
    return torch.compile(module, mode="reduce-overhead", dynamic=False) if device != "cpu" else module


class Transfers:
    """Pictures to the device as [1, 3, h, w] RGB 0..1 and back."""

    def __init__(self, device: str, dtype: torch.dtype, size_px: tuple[int, int]) -> None:
        self.device, self.dtype, self.size_px = device, dtype, size_px

    def up(self, picture: np.ndarray) -> torch.Tensor:
        planes = torch.from_numpy(picture).to(self.device, non_blocking=True)[..., [2, 1, 0]]
        planes = planes.permute(2, 0, 1)[None].to(self.dtype) / 255.0
        return torch.nn.functional.interpolate(planes, size=self.size_px[::-1], mode="area")

    def down(self, image: torch.Tensor) -> np.ndarray:
        return (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


class DiffusersImg2Img:
    """diffusers' StableDiffusionImg2ImgPipeline with the checkpoint's LCM scheduler and tiny autoencoder."""

    delay_frames = 0

    def __init__(self, folder: Path, device: str, dtype: torch.dtype, size_px: tuple[int, int], steps: int,
                 _plan=None) -> None:  # fmt: skip
        pipe = diffusers.StableDiffusionImg2ImgPipeline.from_pretrained(
            folder, torch_dtype=dtype, safety_checker=None, requires_safety_checker=False).to(device)  # fmt: skip
        pipe.set_progress_bar_config(disable=True)
        pipe.scheduler = diffusers.LCMScheduler.from_config(pipe.scheduler.config)
        self._prompt = pipe.encode_prompt(PROMPT, device, 1, False)[0]
        pipe.unet, pipe.vae.encoder = compiled(pipe.unet, device), compiled(pipe.vae.encoder, device)
        pipe.vae.decoder = compiled(pipe.vae.decoder, device)
        self._pipe, self._steps = pipe, steps
        self._transfers = Transfers(device, dtype, size_px)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        level = CONTROL.noise_level
        whole = math.ceil(self._steps / level)  # of which the pipeline leaves out the first, so that `steps` remain
        made = self._pipe(prompt_embeds=self._prompt, image=self._transfers.up(picture), strength=level,
                          num_inference_steps=whole, guidance_scale=CONTROL.guidance, output_type="pt").images
        return self._transfers.down(made)


class StepBatch:
    """Step batching around a U-Net: net(latents, timesteps) → prediction, for `steps` frames at once."""

    def __init__(self, net, encode, decode, plan, transfers: Transfers) -> None:
        self._net, self._encode, self._decode, self._transfers = net, encode, decode, transfers
        device = transfers.device
        self._steps = torch.from_numpy(plan.steps).to(device)
        self._timesteps = torch.from_numpy(plan.timesteps).to(device)
        self._start = plan.start
        count, rows = len(plan.timesteps), [side // 8 for side in transfers.size_px[::-1]]
        self.delay_frames = count - 1
        self._latents = torch.randn(count, 4, *rows, device=device)
        self._noise = torch.randn(1, 20, *rows, device=device)
        self._whole = torch.ones(1, 1, *rows, device=device)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            source = self._encode(self._transfers.up(picture)).float()
            first = self._start[0] * source + self._start[1] * self._noise[:, :4]
            latents = torch.cat([first, self._latents[:-1]])
            predicted = self._net(latents.to(self._transfers.dtype), self._timesteps).float()
            self._latents = step_update(latents, predicted, self._steps, self._noise.expand(len(latents), -1, -1, -1),
                                        source, self._whole, False)  # fmt: skip
            return self._transfers.down(self._decode(self._latents[-1:].to(self._transfers.dtype)))


def diffusers_step_batch(folder: Path, device: str, dtype: torch.dtype, size_px, steps: int, plan) -> StepBatch:
    """Step batching as StreamDiffusion does it, on diffusers' modules."""
    pipe = diffusers.StableDiffusionImg2ImgPipeline.from_pretrained(
        folder, torch_dtype=dtype, safety_checker=None, requires_safety_checker=False).to(device)  # fmt: skip
    tokens = pipe.encode_prompt(PROMPT, device, 1, False)[0].expand(steps, -1, -1)
    width = pipe.unet.config.time_cond_proj_dim
    guidance = pipe.get_guidance_scale_embedding(torch.tensor([CONTROL.guidance - 1.0]), width)
    guidance = guidance.to(device, dtype).expand(steps, -1)
    unet = compiled(pipe.unet, device)

    def net(latents, timesteps):
        return unet(latents, timesteps, encoder_hidden_states=tokens, timestep_cond=guidance, return_dict=False)[0]

    encoder, decoder = compiled(pipe.vae.encoder, device), compiled(pipe.vae.decoder, device)
    # AutoencoderTiny's encoder takes -1..1, as its decoder gives.
    return StepBatch(net, lambda image: encoder(image * 2 - 1), lambda latent: decoder(latent) / 2 + 0.5, plan,
                     Transfers(device, dtype, size_px))  # fmt: skip


def our_step_batch(folder: Path, device: str, dtype: torch.dtype, size_px, steps: int, plan) -> StepBatch:
    """The same around our U-Net, its temporal parts off: they need the frame before, which is still under way."""
    name = str(dtype).removeprefix("torch.")
    model = load_v1(ModelRequest(str(folder), device=device, dtype=name, temporal=TEMPORAL_OFF))
    tokens = torch.zeros(steps, 77, model.config.token, device=device, dtype=dtype)
    guidance = torch.from_numpy(CONTROL.guidance_embedding(model.config)).to(device).expand(steps, -1)
    unet = compiled(model.unet, device)

    def net(latents, timesteps):
        return unet(latents, timesteps, tokens, guidance if model.config.guidance else None, None)[0]

    coder = model.autoencoder
    return StepBatch(net, coder.encode, coder.decode, plan, Transfers(device, dtype, size_px))
