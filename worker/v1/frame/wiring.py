# SPDX-License-Identifier: Apache-2.0
"""Which lane each graph of v1 runs on, and which static buffers it reads and writes. Torch-free.

Read when a program is made. Buffers are named like the graph's own tensors but where `_ELSEWHERE` says otherwise.
"#now" and "#before" stand for two copies that take turns from frame to frame, so that a lane may already write the
next frame's while another still reads this one's; all else exists once and lives on the diffusion lane.

    copy_in    frame → frame#now, strength#now
    flow       ingest: frame#now → source#now      flow: source#before, source#now → moved#now, hidden#now
    diffusion  encode, take moved/hidden, warp, start, denoise x steps, decode → picture#now
    upscale    frame#now, source#now, picture#now, matte#now, strength#now → output#now
    copy_out   output#now → ring
"""

from __future__ import annotations

from mirage_lsd.worker.models.graphs import GraphSpec

FRAME_GRAPHS = ("ingest", "flow", "encode", "warp", "start", "denoise", "decode", "upscale")
LANE_OF = {"ingest": "flow", "flow": "flow", "upscale": "upscale"}  # the others: diffusion
STAGE_OF = {"ingest": "preprocess", "start": "denoise"}  # whose time it is; the others: their own
TURNS = ("#now", "#before")

_ELSEWHERE = {
    ("ingest", "frame"): "frame#now", ("ingest", "source"): "source#now",
    ("flow", "previous"): "source#before", ("flow", "source"): "source#now",
    ("flow", "flow"): "moved#now", ("flow", "occlusion"): "hidden#now",
    ("encode", "source"): "source#now", ("encode", "matte"): "matte#now",
    ("warp", "latent"): "kept_latent", ("warp", "latent_out"): "warped_latent", ("warp", "noise_out"): "warped_noise",
    ("start", "latent"): "warped_latent", ("start", "latent_out"): "latent",
    ("denoise", "latent_out"): "kept_latent",
    ("decode", "latent"): "kept_latent", ("decode", "picture"): "picture#now",
    ("upscale", "frame"): "frame#now", ("upscale", "source"): "source#now", ("upscale", "picture"): "picture#now",
    ("upscale", "matte"): "matte#now", ("upscale", "strength"): "strength#now", ("upscale", "output"): "output#now",
}  # fmt: skip
# Small inputs the host computes for each frame; they travel together (numbers.py).
NUMBERS = ("mix", "timestep", "step", "history", "dither", "guidance", "edit_regions")


def lane_of(graph: str) -> str:
    """The lane a graph runs on."""
    return LANE_OF.get(graph, "diffusion")


def inputs_of(spec: GraphSpec) -> dict[str, str]:
    """Input tensor → buffer. The caches a frame left under their NAME_out are what warp reads."""
    return {tensor.name: _buffer(spec.name, tensor.name, warp_kept=tensor.name) for tensor in spec.inputs}


def outputs_of(spec: GraphSpec) -> dict[str, str]:
    """Output tensor → buffer."""
    return {tensor.name: _buffer(spec.name, tensor.name) for tensor in spec.outputs}


def in_turn(buffer: str, turn: int) -> str:
    """The buffer's name for a frame: "source#now" → "source#0" on even turns; others stay as they are."""
    for offset, mark in enumerate(TURNS):
        if buffer.endswith(mark):
            return f"{buffer.removesuffix(mark)}#{(turn + offset) % 2}"
    return buffer


def is_cache(name: str) -> bool:
    """Whether a tensor is one of the caches c8.. or kv8.. (their NAME_out included)."""
    base = name.removesuffix("_out")
    return base.lstrip("ckv").isdigit() and base[0] in "ck"


def _buffer(graph: str, tensor: str, warp_kept: str = "") -> str:
    if (graph, tensor) in _ELSEWHERE:
        return _ELSEWHERE[graph, tensor]
    if graph == "warp" and is_cache(tensor):
        return f"{warp_kept}_out" if warp_kept else tensor.removesuffix("_out")
    return tensor
