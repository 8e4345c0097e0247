# SPDX-License-Identifier: Apache-2.0
"""A whole v1 stream in plain torch, graph by graph as worker/v1/graphs/graphs.py tells it, and inputs for it."""

from __future__ import annotations

import numpy as np
import torch

from mirage_lsd.worker.models.config import REGIONS as PARTS
from mirage_lsd.worker.v1.graphs.edit import EditControl
from mirage_lsd.worker.v1.graphs.graphs import anchor_names, cache_names, graph_specs
from mirage_lsd.worker.v1.graphs.noise import NoiseSource
from mirage_lsd.worker.v1.nets.model import graph_modules
from mirage_lsd.worker.v1.nets.text import ClipTokens

STEPS = 4


class Stream:
    """One stream's state. seen: the last frame's tensors by name; denoise_batches: batch of each net call."""

    def __init__(self, model, shapes, prompt: str = "a red jacket"):
        self.model, self.shapes, self.control = model, shapes, EditControl()
        self._graphs, self._specs = graph_modules(model, shapes), graph_specs(shapes, model.config)
        self._noise = NoiseSource(0, shapes)
        self._tokens = self._run("text", input_ids=torch.from_numpy(ClipTokens(model.tokenizer)(prompt).ids))["tokens"]
        self._kept: dict = {}
        self.seen: dict = {}
        self.denoise_batches: list[int] = []

    def frame(self, frame: np.ndarray, person: np.ndarray | None = None) -> torch.Tensor:
        """BGRA bytes in, BGRA bytes out."""
        config, control = self.model.config, self.control
        given = {"frame": torch.from_numpy(frame), "tokens": self._tokens, **self._run("ingest",
                 frame=torch.from_numpy(frame))}
        mask = np.ones((1, 1, 144, 256), np.float32) if person is None else person
        given |= self._run("encode", source=given["source"], person_mask=torch.from_numpy(mask),
                           edit_regions=torch.from_numpy(control.edit_regions()))
        given |= self._past(given["source"])
        plan = control.plan(self.model.schedule, STEPS, config)
        given["mix"] = torch.from_numpy(control.mix(plan, bool(self._kept)))
        given["latent"] = given["start"] = self._run("start", **given)["latent_out"]
        if config.guidance:
            given["guidance"] = torch.from_numpy(control.guidance_embedding(config))
        for i in range(STEPS):
            given["timestep"] = torch.from_numpy(plan.timesteps[i : i + 1])
            given["step"] = torch.from_numpy(plan.steps[i : i + 1])
            written = self._run("denoise", **given)
            given["latent"] = written["latent_out"]
            self.denoise_batches.append(len(given["latent"]))
        self._keep(given, written)
        given |= self._run("decode", latent=given["latent"])
        given["strength"] = torch.from_numpy(control.strength_input())
        self.seen = {**given, "alpha": plan.start[0]}
        return self._run("upscale", **given)["output"]

    def _past(self, source) -> dict:
        fresh = torch.from_numpy(self._noise.fresh())
        if not self._kept:
            specs = {tensor.name: tensor for tensor in self._specs["denoise"].inputs}
            names = (*cache_names(self.model.config), *anchor_names(self.model.config), "latent", "history")
            empty = {name: torch.zeros(specs[name].shape) for name in names}
            return {**empty, "noise": fresh, "occlusion": torch.ones(specs["occlusion"].shape)}
        motion = self._run("flow", previous=self._kept["source"], source=source)
        warped = self._run("warp", **{**self._kept, **motion, "fresh": fresh,
                                      "dither": torch.from_numpy(self._noise.dither())})
        past = {name.removesuffix("_out"): value for name, value in warped.items()}
        anchors = {name: self._kept[name] for name in anchor_names(self.model.config)}
        return {**past, **anchors, "occlusion": motion["occlusion"], "history": torch.ones(1, 2)}

    def _keep(self, given: dict, written: dict) -> None:
        anchors = {name: self._kept.get(name, written[f"{cache}_out"])
                   for name, cache in anchor_names(self.model.config).items()}
        caches = {name: written[f"{name}_out"] for name in cache_names(self.model.config)}
        self._kept = {**{name: given[name] for name in ("source", "latent", "noise")}, **anchors, **caches}

    def _run(self, name: str, **given) -> dict:
        spec = self._specs[name]
        with torch.inference_mode():
            found = self._graphs[name](*(given[item] for item in spec.input_names))
        return dict(zip(spec.output_names, found if isinstance(found, tuple) else (found,), strict=True))


class QuarterRegions(torch.nn.Module):
    """Instead of LSD-tiny's source encoder: the parts as eight equal columns, left to right."""

    def forward(self, source, person_mask):
        rows, columns = source.shape[2] // 8, source.shape[3] // 8
        place = torch.arange(columns) * len(PARTS) // columns
        parts = torch.nn.functional.one_hot(place, len(PARTS)).T.float()[None, :, None, :].expand(1, -1, rows, -1)
        return source, source, source, parts


def expected_cover(region: str, size: tuple[int, int]) -> torch.Tensor:
    """Where a region lies for QuarterRegions and a person in the left half."""
    columns = torch.arange(size[1]) / size[1]
    part = (columns * len(PARTS)).long()
    named = {"garment": ("upper", "lower"), "upper garment": ("upper",), "lower garment": ("lower",),
             "hair": ("hair", "hat"), "face": ("face",)}
    row = {"everything": torch.ones(size[1]), "person": (columns < 0.5).float(), "background": (columns >= 0.5).float()}
    chosen = row.get(region)
    if chosen is None:
        chosen = sum((part == PARTS.index(name)).float() for name in named[region])
    return chosen[None, None, None].expand(1, 1, *size)


def away_from_edges(cover: torch.Tensor, px: int = 10) -> torch.Tensor:
    """Places with no change of cover within px."""
    grown = torch.nn.functional.max_pool2d(cover, 2 * px + 1, 1, px)
    shrunk = -torch.nn.functional.max_pool2d(-cover, 2 * px + 1, 1, px)
    return grown == shrunk


def random_input(tensor) -> torch.Tensor:
    """Something of a TensorSpec's shape and type."""
    if tensor.dtype == "int64":
        return torch.randint(0, 500, tensor.shape)
    if tensor.dtype == "uint8":
        return torch.randint(0, 256, tensor.shape, dtype=torch.uint8)
    return torch.rand(tensor.shape).to(getattr(torch, tensor.dtype))


def photograph(size: tuple[int, int]) -> torch.Tensor:
    """A real photograph [1,3,H,W] 0..1 where scikit-image is there, else smooth shapes with texture."""
    try:
        from skimage import data
        picture = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None] / 255.0
    except ImportError:
        rows, columns = torch.meshgrid(torch.linspace(0, 1, 512), torch.linspace(0, 1, 512), indexing="ij")
        waves = 0.5 + 0.25 * torch.sin(40 * rows) * torch.cos(25 * columns) + 0.2 * torch.sin(900 * columns)
        picture = waves[None, None].repeat(1, 3, 1, 1)
    return torch.nn.functional.interpolate(picture, size=size, mode="area")


def frame_bytes(number: int, shapes) -> np.ndarray:
    """Frame `number` of a slowly panning photograph, uint8 [H,W,4] BGRA."""
    width, height = shapes.frame_px
    wide = photograph((height, width + 64))[0].permute(1, 2, 0).numpy()
    part = wide[:, 2 * number : 2 * number + width, ::-1]
    out = np.full((height, width, 4), 255, np.uint8)
    out[..., :3] = np.round(part * 255)
    return out
