# SPDX-License-Identifier: Apache-2.0
"""The graphs of mirage-lsd-tiny: what a frame runs, in order. Torch-free.

All arrays are C-contiguous; w, h = working picture (width, height, multiples of 32), pictures are
RGB float32 0..1 NCHW; l8 = (h/8, w/8), l16 = (h/16, w/16), l32 = (h/32, w/32). Batch is always 1.

condition: when the settings change
    in   ids i64 [1,7], colors f32 [1,3,4]: Conditions.to_tokens()
    out  tokens [1,8,64], pooled [1,64], region_tokens [1,8,32]
flow: each frame but the first
    in   previous, source: pictures [1,3,h,w]; guess [1,2,l8]: a first flow, see motion.py
    out  flow [1,2,l8]: dx, dy in latent cells; cell x of now was at x + flow before
         occlusion [1,1,l8] 0..1: 1 = was hidden before
encode: each frame
    in   source [1,3,h,w], person_mask [1,1,h,w] 0..1
    out  s8 [1,48,l8], s16 [1,64,l16], s32 [1,96,l32], regions [1,8,l8]: probabilities in REGIONS order
         x4 [1,48,h/4,w/4]: guides the decoder; surface [1,3,h/4,w/4]: in SURFACE order, before smoothing
motion: each frame but the first
    in   flow, evidence [1,28,l8]: see motion_evidence.py; regions, surface
    out  motion [1,2,l8]: the flow as bodies move
warp: each frame but the first
    in   motion, occlusion, latent [1,24,l8], c8 [1,48,l8], c16 [1,64,l16], c32 [1,96,l32], last_surface [1,3,h/2,w/2],
         last_buffers [1,8,h,w]
    out  latent_out, c8_out, c16_out, c32_out, surface_out, buffers_out: moved to now; caches fade to 0 where
         occluded
recall: each frame
    in   s8, regions, tokens, region_tokens, c8, c16, c32, a16 [1,64,l16], a32 [1,96,l32],
         history f32 [1,2]: has cache, has anchor (0 or 1)
    out  what all steps of the frame share: x8 [1,48,l8], t8, t16, t32 as the caches,
         kv16 [1,n16,128], kv32 [1,n32,192], where n = 2 * cells + 8
denoise: 1..5 times a frame
    in   latent [1,24,l8], timestep f32 [1], pooled, s16, s32, x8, t8, t16, t32, kv16, kv32, history
    out  velocity [1,24,l8], c8_out, c16_out, c32_out
decode: each frame
    in   latent [1,24,l8], x4, source
    out  buffers [1,8,h,w] in BUFFERS order, colour 0..2, the others 0..1; see autoencoder.py
upscale: each frame
    in   source [1,3,h,w], buffers [1,8,h,w]
    out  layer [1,3,h,w] BGR 0..510, mask [1,3,h,w] (detail, offset, slope), for apply_layer.LayerApplier

The life of a frame (see sampler.py for the numpy arithmetic):
1. flow(previous, source, guess); on the first frame or after reset() skip flow, motion and warp.
2. encode(source, person_mask).
3. motion(flow, ...), warp(motion, occlusion, kept latent, kept caches); first frame: zeros, history = (0, 0).
4. sampler.start_latent(...) mixes the warped latent with the stream's fixed noise at the first timestep.
5. recall(...), then for each timestep: denoise -> sampler.step(...). All steps read the SAME warped caches; those
   written by the LAST step are kept for the next frame. a16/a32 = c16_out/c32_out of an anchor frame
   (the first frame after a reset, renewed every ~48 frames), not warped.
6. decode(latent), upscale(source, rgba), then apply_layer.LayerApplier(full size).apply(frame BGRA u8,
   layer, mask, strength, out): elementwise work at full size in OpenCV, which beats the engines there
   (1 against 7 ms at 640x360). strength 0 returns frame bit-exactly.

A scene cut, a resize or a seek: drop latent, caches and anchor. A changed condition needs no reset:
history of another look is part of the training.
"""
from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.worker.models.config import (
    BUFFERS,
    LATENT_FACTOR,
    SURFACE,
    TINY,
    USUAL_SIZE,
    TinyConfig,
    working_size_px,
)
from mirage_lsd.worker.tracking.motion_evidence import SUB, TERMS

GRAPH_NAMES = ("condition", "flow", "encode", "motion", "warp", "recall", "denoise", "decode", "upscale")


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype ("float32", "int64", "uint8") and shape of one graph input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class GraphSpec:
    """One exported graph: `inputs` and `outputs` in call order."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(tensor.name for tensor in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(tensor.name for tensor in self.outputs)


@dataclass(frozen=True)
class GraphShapes:
    """Working size (width_px, height_px); no graph depends on the full (output) size."""

    working_px: tuple[int, int]

    def __post_init__(self) -> None:
        width, height = self.working_px
        if width % 32 or height % 32 or min(width, height) < 32:
            raise ValueError(f"working size must have sides that are multiples of 32, got {width}x{height}")

    def cells(self, factor: int) -> tuple[int, int]:
        """(rows, columns) of a feature map at 1/factor of the working picture."""
        return self.working_px[1] // factor, self.working_px[0] // factor


def shapes_for(width_px: int, height_px: int, working_size: str) -> GraphShapes:
    """The graphs' sizes for a source of this size; "auto" is the usual size where nobody watches the pace."""
    return GraphShapes(working_size_px(width_px, height_px, USUAL_SIZE if working_size == "auto" else working_size))


def graph_specs(shapes: GraphShapes, config: TinyConfig = TINY) -> dict[str, GraphSpec]:
    """Every graph's specification for the given sizes."""
    tensors = _tensors(shapes, config)

    def pick(names: str) -> tuple[TensorSpec, ...]:
        return tuple(tensors[name] for name in names.split())

    conditions = "tokens pooled region_tokens"
    recalled = "x8 t8 t16 t32 kv16 kv32"
    caches_out = "c8_out c16_out c32_out"
    return {spec.name: spec for spec in (
        GraphSpec("condition", pick("ids colors"), pick(conditions)),
        GraphSpec("flow", pick("previous source guess"), pick("flow occlusion")),
        GraphSpec("encode", pick("source person_mask"), pick("s8 s16 s32 regions x4 surface")),
        GraphSpec("motion", pick("flow evidence regions surface"), pick("motion")),
        GraphSpec("warp", pick("motion occlusion latent c8 c16 c32 last_surface last_buffers"),
                  pick(f"latent_out {caches_out} surface_out buffers_out")),
        GraphSpec("recall", pick("s8 regions tokens region_tokens c8 c16 c32 a16 a32 history"), pick(recalled)),
        GraphSpec("denoise", pick(f"latent timestep pooled s16 s32 {recalled} history"),
                  pick(f"velocity {caches_out}")),
        GraphSpec("decode", pick("latent x4 source"), pick("buffers")),
        GraphSpec("upscale", pick("source buffers"), pick("layer mask")),
    )}


def _tensors(shapes: GraphShapes, config: TinyConfig) -> dict[str, TensorSpec]:
    width, height = shapes.working_px
    l2, l4 = shapes.cells(LATENT_FACTOR // 4), shapes.cells(LATENT_FACTOR // 2)
    l8, l16, l32 = (shapes.cells(LATENT_FACTOR * scale) for scale in (1, 2, 4))
    w8, w16, w32 = config.widths
    table = {
        "ids": (1, 7), "colors": (1, 3, 4), "timestep": (1,), "history": (1, 2),
        "source": (1, 3, height, width), "previous": (1, 3, height, width), "buffers": (1, len(BUFFERS), height, width),
        "last_buffers": (1, len(BUFFERS), height, width), "buffers_out": (1, len(BUFFERS), height, width),
        "person_mask": (1, 1, height, width), "layer": (1, 3, height, width), "mask": (1, 3, height, width),
        "x4": (1, config.stem + config.parsed, *l4), "surface": (1, len(SURFACE), *l4),
        "last_surface": (1, len(SURFACE), *l2), "surface_out": (1, len(SURFACE), *l2),
        "guess": (1, 2, *l8), "flow": (1, 2, *l8), "occlusion": (1, 1, *l8), "motion": (1, 2, *l8),
        "evidence": (1, TERMS * SUB * SUB, *l8), "regions": (1, 8, *l8),
        "latent": (1, config.latent, *l8), "latent_out": (1, config.latent, *l8),
        "velocity": (1, config.latent, *l8),
        "tokens": (1, 8, config.token), "pooled": (1, config.token), "region_tokens": (1, 8, config.region_token),
        "x8": (1, w8, *l8), "kv16": (1, 2 * l16[0] * l16[1] + 8, 2 * w16),
        "kv32": (1, 2 * l32[0] * l32[1] + 8, 2 * w32),
        "a16": (1, w16, *l16), "a32": (1, w32, *l32),
    }
    for level, channels, cells in (("8", w8, l8), ("16", w16, l16), ("32", w32, l32)):
        for name in (f"s{level}", f"t{level}", f"c{level}", f"c{level}_out"):
            table[name] = (1, channels, *cells)
    return {name: TensorSpec(name, shape, "int64" if name == "ids" else "float32")
            for name, shape in table.items()}
