# SPDX-License-Identifier: Apache-2.0
"""The graphs of mirage-lsd-v1: what a frame runs, in order. Torch-free; the modules are in model.py.

Batch is always 1, every shape is static. W, H: frame px; w, h: working px (multiples of 8); l8: latent cells
(h/8, w/8); l16, l32, l64: each half of the one before, rounded UP. C8..C64: the U-Net's widths (SD 1.5: 320, 640,
1280, 1280). "half" marks what has the graphs' number type (float16 on a GPU, float32 on a CPU); all else is
float32 but for frames (uint8) and ids (int64). The tensors' order is the one of `graph_specs`, which is the truth.

text: when the prompt changes, on a thread of its own
    in   input_ids i64 [1,77]: ClipTokens
    out  tokens [1,77,D] half
ingest: each frame
    in   frame u8 [H,W,4] BGRA
    out  source [1,3,h,w] half, RGB 0..1, area-averaged
flow: each frame but the first
    in   previous, source [1,3,h,w] half
    out  flow [1,2,l8]: dx, dy in latent cells; cell x of now was at x + flow before
         occlusion [1,1,l8] 0..1: 1 = was hidden before
encode: each frame
    in   source, person_mask [1,1,144,256] 0..1 (the whole frame, stretched), edit_regions [1,11] (edit.py)
    out  source_latent [1,4,l8], edit_mask [1,1,l8] 0..1, matte [1,1,h,w] half 0..1: where the edit may show
warp: each frame but the first
    in   flow, occlusion, latent [1,4,l8], noise [1,20,l8], fresh [1,20,l8] unit noise, dither [1,2] in -0.5..0.5,
         c8..c64, kv8..kv64
    out  latent_out, noise_out (unit variance), c8_out..c64_out, kv8_out..kv64_out: moved to now; caches fade to 0
         where occluded
start: each frame
    in   source_latent, latent (warped), occlusion, noise, mix [1,3]: alpha, sigma, share of the history (0: no history)
    out  latent_out: the noisy latent that the first step takes
denoise: 1..5 times a frame
    in   latent, timestep [1] 0..999, step [1,12] (schedule.py), noise, tokens, guidance [1,G] (only where the model
         has a guidance embedding), source_latent, edit_mask, occlusion, history [1,2]: has cache, has anchor,
         c8..c64 [1,C,l] half: temporal convolutions, kv8..kv64 [1,K,l] half: keys and values,
         a16..a64 [1,K,l] half: the anchor's kv
    out  latent_out: what the next step takes, after the last step the clean latent; c8_out.., kv8_out..
decode: each frame
    in   latent [1,4,l8]
    out  picture [1,3,h,w] half, 0..1
upscale: each frame
    in   frame, source, picture, matte, strength [1] 0..1
    out  output u8 [H,W,4] BGRA; strength 0 gives the frame, bit for bit

The life of a frame:
1. ingest; flow(previous, source), but not on the first frame after a reset.
2. person mask of the frame (tracking/person_mask.py, on the CPU, may be a frame old), encode.
3. warp what was kept; first frame: zeros for caches, occlusion = 1, history = (0, 0), noise = fresh.
4. start with mix; then for each of the schedule's steps: denoise, latent = latent_out. All steps of a frame read the
   SAME warped caches, noise, masks; the caches written by the LAST step are kept, with latent_out and noise_out.
   Anchor: a16.. = kv16_out.. of the first frame after a reset, renewed every ~48 frames, not warped.
5. decode, upscale.
A scene cut, resize or seek: drop latent, caches, anchor, noise. Another prompt: history = (0, 0) for one frame, the
anchor renewed by it (untrained attention would drag the old look along); the latent stays.
"""
from __future__ import annotations

from mirage_lsd.worker.models.graphs import GraphSpec, TensorSpec
from mirage_lsd.worker.v1.graphs.config import LATENT_CHANNELS, LCM_SD15, MAX_STEPS, PROMPT_TOKENS, SdConfig
from mirage_lsd.worker.v1.graphs.shapes import PERSON_MASK_PX, SdShapes

GRAPH_NAMES = ("text", "ingest", "flow", "encode", "warp", "start", "denoise", "decode", "upscale")
EDIT_REGIONS = 11  # everything, person, background, then LSD-tiny's eight regions
STEP_NUMBERS = 12
NOISE_CHANNELS = LATENT_CHANNELS * MAX_STEPS


def conv_cache_names(config: SdConfig) -> tuple[str, ...]:
    """c8, c16, ...: features for the temporal convolutions."""
    return tuple(f"c{level}" for level in config.levels) if config.temporal.convs else ()


def kv_cache_names(config: SdConfig) -> tuple[str, ...]:
    """kv8, kv16, ...: keys and values for cross-frame attention, on the levels that attend."""
    if not config.temporal.attention:
        return ()
    return tuple(f"kv{name}" for level, name in enumerate(config.levels) if config.attention_layers(level))


def cache_names(config: SdConfig) -> tuple[str, ...]:
    """What is kept from frame to frame and warped; each has an output NAME_out in warp and denoise."""
    return (*conv_cache_names(config), *kv_cache_names(config))


def anchor_names(config: SdConfig) -> dict[str, str]:
    """anchor input -> the cache whose NAME_out of an anchor frame it is."""
    if not config.temporal.anchor:
        return {}
    return {f"a{name[2:]}": name for name in kv_cache_names(config) if name != "kv8"}


def graph_specs(shapes: SdShapes, config: SdConfig = LCM_SD15, dtype: str = "float32") -> dict[str, GraphSpec]:
    """Every graph's specification for the given sizes; dtype: "float32" or "float16", the type of "half" tensors."""
    tensors = _tensors(shapes, config, dtype)

    def pick(names: str, more: tuple[str, ...] = ()) -> tuple[TensorSpec, ...]:
        return tuple(tensors[name] for name in (*names.split(), *more))

    caches = cache_names(config)
    written = tuple(f"{name}_out" for name in caches)
    guidance = " guidance" if config.guidance else ""
    return {spec.name: spec for spec in (
        GraphSpec("text", pick("input_ids"), pick("tokens")),
        GraphSpec("ingest", pick("frame"), pick("source")),
        GraphSpec("flow", pick("previous source"), pick("flow occlusion")),
        GraphSpec("encode", pick("source person_mask edit_regions"), pick("source_latent edit_mask matte")),
        GraphSpec("warp", pick("flow occlusion latent noise fresh dither", caches),
                  pick("latent_out noise_out", written)),
        GraphSpec("start", pick("source_latent latent occlusion noise mix"), pick("latent_out")),
        GraphSpec("denoise", pick(f"latent timestep step noise tokens{guidance} source_latent edit_mask occlusion "
                                  "history", (*caches, *anchor_names(config))), pick("latent_out", written)),
        GraphSpec("decode", pick("latent"), pick("picture")),
        GraphSpec("upscale", pick("frame source picture matte strength"), pick("output")),
    )}


def _tensors(shapes: SdShapes, config: SdConfig, half: str) -> dict[str, TensorSpec]:
    (width, height), cells, full = shapes.working_px, shapes.cells(), (*shapes.frame_px[::-1], 4)
    latent, noise = (1, LATENT_CHANNELS, *cells), (1, NOISE_CHANNELS, *cells)
    exact = {
        "timestep": (1,), "step": (1, STEP_NUMBERS), "mix": (1, 3), "history": (1, 2), "strength": (1,),
        "dither": (1, 2), "guidance": (1, config.guidance), "edit_regions": (1, EDIT_REGIONS),
        "person_mask": (1, 1, *PERSON_MASK_PX[::-1]), "edit_mask": (1, 1, *cells), "flow": (1, 2, *cells),
        "occlusion": (1, 1, *cells), "latent": latent, "latent_out": latent, "source_latent": latent,
        "noise": noise, "noise_out": noise, "fresh": noise,
    }
    halves = {
        "tokens": (1, PROMPT_TOKENS, config.token), "source": (1, 3, height, width), "previous": (1, 3, height, width),
        "picture": (1, 3, height, width), "matte": (1, 1, height, width), **_cache_shapes(shapes, config),
    }
    table = {name: TensorSpec(name, shape) for name, shape in exact.items()}
    table |= {name: TensorSpec(name, shape, half) for name, shape in halves.items()}
    table |= {name: TensorSpec(name, full, "uint8") for name in ("frame", "output")}
    return {**table, "input_ids": TensorSpec("input_ids", (1, PROMPT_TOKENS), "int64")}


def _cache_shapes(shapes: SdShapes, config: SdConfig) -> dict[str, tuple[int, ...]]:
    """c*, kv*, a* and the *_out of the first two."""
    found: dict[str, tuple[int, ...]] = {}
    for level, name in enumerate(config.levels):
        cells = shapes.cells(level)
        found[f"c{name}"] = (1, config.widths[level], *cells)
        found[f"kv{name}"] = found[f"a{name}"] = (1, config.kv_channels(level), *cells)
    return found | {f"{name}_out": shape for name, shape in found.items() if not name.startswith("a")}
