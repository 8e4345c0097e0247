# SPDX-License-Identifier: Apache-2.0
"""The graphs of mirage-lsd-tiny (models/graphs.py) in ncnn's form, for one working size. No torch.

Called by the ncnn engine on the loading thread. Invariant: the same arithmetic as models/nets/tiny.py's graph modules,
which tests/unit/engines/test_engine.py compares; whoever changes a net there changes it here.
"""
from __future__ import annotations

import math

import numpy as np

from mirage_lsd.worker.engines.ncnn import blocks
from mirage_lsd.worker.engines.ncnn.encoder import encode
from mirage_lsd.worker.engines.ncnn.net import COSINE, DIVIDE, MAXIMUM, SINE, Net
from mirage_lsd.worker.models.config import DECISION, PAINTED_FROM, SCENE_FROM
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.tracking.motion_evidence import TENTHS

_LUMA = (0.299, 0.587, 0.114)


def net_of(name: str, shapes: GraphShapes, weights: dict[str, np.ndarray]) -> Net:
    """The net of one graph, its inputs and outputs named as in models/graphs.py."""
    net = Net(weights, calm=name in _SMALL)
    _NETS[name](net, shapes)
    return net


def _flow(net: Net, shapes: GraphShapes) -> None:
    before, now = (_flow_features(net, net.input(name)) for name in ("previous", "source"))
    guess = net.input("guess")
    left = net.subtract(now, blocks.warp(net, before, guess, shapes.cells(8)))
    x = blocks.conv_norm(net, net.concat(now, left, guess), "flow.refine.0")
    refined = net.named_conv(blocks.conv_norm(net, x, "flow.refine.1"), "flow.refine.2")
    lacking, hidden = net.split(refined, 2, 1)
    net.output("flow", net.add(guess, lacking))
    net.output("occlusion", net.sigmoid(hidden))


def _flow_features(net: Net, picture: str) -> str:
    x = net.multiply(net.subtract(net.shrink(picture, 4), 0.5), 3.0)
    x = blocks.conv_norm(net, x, "flow.features.0")
    x = blocks.conv_norm(net, blocks.conv_norm(net, x, "flow.features.1", 2), "flow.features.2")
    return net.named_conv(x, "flow.features.3")


def _motion(net: Net, shapes: GraphShapes) -> None:
    flow, evidence, regions, surface = map(net.input, ("flow", "evidence", "regions", "surface"))
    name, four = "body_motion", net.weights["body_motion.whole.bias"].size
    x1 = blocks.conv_norm(net, net.concat(net.multiply(flow, TENTHS), evidence, regions, net.shrink(surface, 2)),
                          f"{name}.enter")
    x1 = blocks.plain_block(net, x1, f"{name}.at1")
    x2 = blocks.plain_block(net, blocks.conv_norm(net, x1, f"{name}.down2", 2), f"{name}.at2")
    x4 = blocks.conv_norm(net, x2, f"{name}.down4", 2)
    for index in range(2):
        x4 = blocks.plain_block(net, x4, f"{name}.at4.{index}")
    cells = math.prod(shapes.cells(32))
    mean = net.matmul(net.reshape(x4, four, cells), net.constant(np.full((cells, 1), 1.0 / cells)))
    whole = net.linear(net.reshape(mean, four), f"{name}.whole")
    x4 = net.add(x4, net.reshape(whole, four, 1, 1))
    x2 = net.add(x2, net.enlarge(net.named_conv(x4, f"{name}.up2"), 2, nearest=True))
    x2 = blocks.plain_block(net, x2, f"{name}.fuse2")
    x1 = net.add(x1, net.enlarge(net.named_conv(x2, f"{name}.up1"), 2, nearest=True))
    x1 = blocks.plain_block(net, x1, f"{name}.fuse1")
    lacking = net.named_conv(x1, f"{name}.leave")
    net.output("motion", net.add(flow, net.multiply(lacking, 1.0 / TENTHS)))


def _warp(net: Net, shapes: GraphShapes) -> None:
    flow, occlusion = net.input("motion"), net.input("occlusion")
    latent = net.input("latent")
    caches = [net.input(f"c{level}") for level in (8, 16, 32)]
    for name, factor in (("surface", 4), ("buffers", 8)):
        finer = net.multiply(net.enlarge(flow, factor), float(factor))
        net.output(f"{name}_out", blocks.warp(net, net.input(f"last_{name}"), finer, shapes.cells(8 // factor)))
    net.output("latent_out", blocks.warp(net, latent, flow, shapes.cells(8)))
    visible = net.subtract(net.multiply(occlusion, -1.0), -1.0)
    for level, cache in zip((8, 16, 32), caches, strict=True):
        if level > 8:
            flow, visible = net.multiply(net.shrink(flow, 2), 0.5), net.shrink(visible, 2)
        moved = net.multiply(blocks.warp(net, cache, flow, shapes.cells(level)), visible)
        net.output(f"c{level}_out", moved)


def _recall(net: Net, shapes: GraphShapes) -> None:
    names = ("s8", "regions", "tokens", "region_tokens", "c8", "c16", "c32", "a16", "a32", "history")
    s8, regions, tokens, region_tokens, c8, c16, c32, a16, a32, history = map(net.input, names)
    rows, columns = shapes.cells(8)
    told = net.turned_matmul(region_tokens, net.reshape(regions, 8, rows * columns))
    told = net.concat(net.reshape(told, -1, rows, columns), regions)
    net.output("x8", net.add(s8, net.named_conv(told, "unet.told")))
    has_cache, _ = net.split(history, 1, 1)
    for level, cache in ((8, c8), (16, c16), (32, c32)):
        net.output(f"t{level}", blocks.time_recalled(net, cache, has_cache, f"unet.time{level}"))
    for level, cells in ((16, (c16, a16)), (32, (c32, a32))):
        count = math.prod(shapes.cells(level))
        net.output(f"kv{level}", blocks.attention_recalled(net, cells, tokens, count, f"unet.attend{level}"))


def _denoise(net: Net, shapes: GraphShapes) -> None:
    latent, timestep, pooled, history = (net.input(name) for name in ("latent", "timestep", "pooled", "history"))
    s16, s32, x8, t8, t16, t32, kv16, kv32 = map(net.input, ["s16", "s32", "x8", "t8", "t16", "t32", "kv16", "kv32"])
    film = _embed(net, timestep, pooled)
    has_cache, _ = net.split(history, 1, 1)
    keep8 = blocks.film_block(net, net.add(net.named_conv(latent, "unet.enter"), x8), film, "unet.block8")
    seen8 = blocks.time_with_recalled(net, keep8, t8, has_cache, "unet.time8")
    keep16 = blocks.film_block(net, net.add(net.named_conv(seen8, "unet.down16", 2), s16), film, "unet.block16")
    x = blocks.time_with_recalled(net, keep16, t16, has_cache, "unet.time16")
    x16 = blocks.attend(net, x, kv16, history, _shape(net, shapes, 16), "unet.attend16")
    keep32 = blocks.film_block(net, net.add(net.named_conv(x16, "unet.down32", 2), s32), film, "unet.block32")
    x = blocks.time_with_recalled(net, keep32, t32, has_cache, "unet.time32")
    x = blocks.attend(net, x, kv32, history, _shape(net, shapes, 32), "unet.attend32")
    x = blocks.film_blocks(net, x, film, "unet.last32")
    x = net.add(x16, net.enlarge(net.named_conv(x, "unet.up16"), 2, nearest=True))
    x = blocks.film_blocks(net, x, film, "unet.last16")
    x = net.add(seen8, net.enlarge(net.named_conv(x, "unet.up8"), 2, nearest=True))
    x = blocks.film_blocks(net, x, film, "unet.last8")
    clean = net.named_conv(net.swish(net.group_norm(x, "unet.leave.0")), "unet.leave.2")
    angle = net.multiply(timestep, math.pi / 2)
    noisy = net.subtract(net.multiply(latent, net.unary(angle, COSINE)), clean)
    net.output("velocity", net.combine(DIVIDE, noisy, net.combine(MAXIMUM, net.unary(angle, SINE), 0.05)))
    for level, keep in ((8, keep8), (16, keep16), (32, keep32)):
        net.output(f"c{level}_out", keep)


def _shape(net: Net, shapes: GraphShapes, level: int) -> tuple[int, int, int]:
    """(channels, rows, columns) of the denoiser's features at 1/level."""
    return net.weights[f"unet.attend{level}.norm.weight"].size, *shapes.cells(level)


def _embed(net: Net, timestep: str, pooled: str) -> str:
    """The condition vector; see blocks.timestep_features."""
    frequencies = np.exp(np.linspace(0.0, math.log(64.0), 16)) * math.pi / 2
    angles = net.multiply(net.constant(frequencies), timestep)
    x = net.concat(net.unary(angles, SINE), net.unary(angles, COSINE), pooled)
    return net.swish(net.linear(net.swish(net.linear(x, "unet.embed.0")), "unet.embed.2"))


def _decode(net: Net, shapes: GraphShapes) -> None:
    latent, x4, source = (net.input(name) for name in ("latent", "x4", "source"))
    x = blocks.plain_block(net, blocks.conv_norm(net, latent, "decoder.at8.0"), "decoder.at8.1")
    x = net.concat(net.shuffle(net.named_conv(x, "decoder.at8.2")), x4)
    x = blocks.plain_block(net, blocks.conv_norm(net, x, "decoder.at4.0"), "decoder.at4.1")
    x = net.shuffle(net.named_conv(blocks.refine_block(net, x, "decoder.at4.2"), "decoder.at4.3"))
    x = net.concat(x, net.unshuffle(net.subtract(source, 0.5)))
    x = blocks.refine_block(net, blocks.conv_norm(net, x, "decoder.at2.0"), "decoder.at2.1")
    x = net.shuffle(net.named_conv(x, "decoder.at2.2"))
    x = net.add(x, net.enlarge(net.named_conv(latent, "decoder.base"), 8))
    color, shares = net.split(x, 3, 5)
    net.output("buffers", net.concat(net.clip(net.add(color, 0.5), 0.0, 2.0), net.sigmoid(shares)))


def _upscale(net: Net, shapes: GraphShapes) -> None:
    source, buffers = net.input("source"), net.input("buffers")
    light = net.conv(source, np.float32(_LUMA)[None, :, None, None])
    color, alpha, _, scene = net.split(buffers, 3, 1, 3, 1)
    smooth = net.enlarge(net.shrink(light, 4), 4)
    rough = net.subtract(light, smooth)
    # Every part shrunk by itself: ncnn is quick with eight planes, but not with thirteen.
    picture, layer, edge, covered = (net.shrink(x, 2) for x in (source, buffers, rough, net.multiply(alpha, rough)))
    guide = net.concat(net.subtract(net.concat(picture, layer), 0.5), edge, covered)
    x = blocks.plain_block(net, blocks.conv_norm(net, guide, "upscaler.enter"), "upscaler.body")
    sharper, detail, slope, offset = net.split(net.shuffle(net.named_conv(x, "upscaler.leave")), 3, 1, 1, 1)
    detail = net.sigmoid(net.subtract(detail, 1.5))
    color = net.subtract(net.add(color, net.multiply(sharper, 0.25)), net.multiply(detail, smooth))
    offset = net.subtract(net.add(alpha, net.multiply(offset, 0.25)), net.multiply(slope, smooth))
    red, green, blue = net.split(net.multiply(color, 255.0), 1, 1, 1)
    net.output("layer", net.concat(blue, green, red))
    least = net.add(net.multiply(scene, SCENE_FROM - PAINTED_FROM), PAINTED_FROM)
    decided = net.add(net.multiply(net.subtract(offset, least), DECISION), 0.5)
    net.output("mask", net.concat(detail, decided, net.multiply(slope, DECISION)))


_SMALL = ("recall", "denoise", "motion", "warp")  # maps so small that threads pay in convolutions only
_NETS = {"flow": _flow, "encode": encode, "motion": _motion, "warp": _warp, "recall": _recall,
         "denoise": _denoise, "decode": _decode, "upscale": _upscale}
