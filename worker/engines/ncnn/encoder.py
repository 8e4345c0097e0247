# SPDX-License-Identifier: Apache-2.0
"""LSD-tiny's source encoder (models/nets/encoder.py) in ncnn's form: the largest of the graphs. No torch.

Called by graphs.py on the loading thread. Invariant: as there.
"""
from __future__ import annotations

import math

import numpy as np

from mirage_lsd.worker.engines.ncnn import blocks
from mirage_lsd.worker.engines.ncnn.net import COSINE, DIVIDE, SINE, Net
from mirage_lsd.worker.models.config import FARTHEST, SURFACE, WAVES
from mirage_lsd.worker.models.graphs import GraphShapes


def encode(net: Net, shapes: GraphShapes) -> None:
    """The graph `encode`."""
    source, mask = net.input("source"), net.input("person_mask")
    stem = net.concat(source, mask)
    for index, stride in enumerate((2, 2, 1)):
        stem = blocks.conv_norm(net, stem, f"encoder.stem.{index}", stride, centred=index == 0)
    x8 = blocks.plain_block(net, blocks.conv_norm(net, stem, "encoder.down8.0", 2), "encoder.down8.1")
    x16 = _down(net, net.concat(x8, _coordinates(net, shapes.cells(8))), "encoder.down16")
    x32 = _mixed(net, _down(net, x16, "encoder.down32"), shapes.cells(32))
    y16 = net.add(x16, net.enlarge(net.named_conv(x32, "encoder.up16"), 2, nearest=True))
    y16 = blocks.plain_block(net, y16, "encoder.fuse16")
    y8 = net.add(x8, net.enlarge(net.named_conv(y16, "encoder.up8"), 2, nearest=True))
    y8 = blocks.plain_block(net, y8, "encoder.fuse8")
    parts = net.softmax(net.shuffle(net.named_conv(y8, "encoder.parse")), 0)
    regions, surface = net.shrink(parts, 2), _located(net, y16, y8)
    waves = _surface_waves(net, surface)
    tint = net.reshape(_palette(net, source, regions, shapes.cells(8)), -1, 1, 1)
    placed = net.named_conv(net.shrink(waves, 2), "encoder.placed")
    net.output("s8", net.add(net.add(net.named_conv(y8, "encoder.out8"), placed), tint))
    net.output("s16", net.named_conv(y16, "encoder.out16"))
    net.output("s32", net.named_conv(x32, "encoder.out32"))
    net.output("regions", regions)
    net.output("x4", net.concat(stem, blocks.conv_norm(net, net.concat(parts, surface, waves), "encoder.parsed")))
    net.output("surface", surface)


def _located(net: Net, y16: str, y8: str) -> str:
    for index in range(3):
        y16 = blocks.plain_block(net, y16, f"encoder.locate.at16.{index}")
    x8 = net.enlarge(net.named_conv(y16, "encoder.locate.up"), 2, nearest=True)
    x8 = blocks.plain_block(net, net.add(net.named_conv(y8, "encoder.locate.skip"), x8), "encoder.locate.at8")
    return net.shuffle(net.named_conv(x8, "encoder.locate.out"))


def _surface_waves(net: Net, surface: str) -> str:
    """As encoder.surface_waves."""
    turns = np.zeros((len(WAVES), len(SURFACE), 1, 1), np.float32)
    for index, (channel, length) in enumerate(WAVES):
        turns[index, channel] = 2.0 * math.pi / length
    angles = net.conv(net.clip(surface, -FARTHEST, FARTHEST), turns)
    return net.concat(net.unary(angles, SINE), net.unary(angles, COSINE))


def _down(net: Net, x: str, name: str) -> str:
    x = blocks.conv_norm(net, x, f"{name}.0", 2)
    return blocks.plain_block(net, blocks.plain_block(net, x, f"{name}.1"), f"{name}.2")


def _coordinates(net: Net, size: tuple[int, int]) -> str:
    down, across = np.meshgrid(*(np.linspace(-1, 1, count) for count in size), indexing="ij")
    return net.constant(np.stack([across, down]))


def _mixed(net: Net, x: str, size: tuple[int, int]) -> str:
    for index in (0, 2):
        x = _global_mix(net, x, size, f"encoder.mix.{index}")
        x = _cell_mlp(net, x, size, f"encoder.mix.{index + 1}")
    return x


def _global_mix(net: Net, x: str, size: tuple[int, int], name: str) -> str:
    channels, cells = net.weights[f"{name}.norm.weight"].size, size[0] * size[1]
    tokens = net.layer_norm(net.transpose(net.reshape(x, channels, cells)), f"{name}.norm")
    qkv = blocks.linear_rows(net, tokens, f"{name}.qkv")
    query, key, value = net.split(qkv, channels, channels, channels, axis=1)
    scores = net.matmul(net.multiply(query, channels**-0.5), key, turned=True)
    mixed = blocks.linear_rows(net, net.matmul(net.softmax(scores, 1), value), f"{name}.out")
    return net.add(x, net.reshape(net.transpose(mixed), channels, *size))


def _cell_mlp(net: Net, x: str, size: tuple[int, int], name: str) -> str:
    channels, cells = net.weights[f"{name}.norm.weight"].size, size[0] * size[1]
    tokens = net.layer_norm(net.transpose(net.reshape(x, channels, cells)), f"{name}.norm")
    told = blocks.linear_rows(net, net.swish(blocks.linear_rows(net, tokens, f"{name}.enter")), f"{name}.out")
    return net.add(x, net.reshape(net.transpose(told), channels, *size))


def _palette(net: Net, source: str, regions: str, size: tuple[int, int]) -> str:
    """What the mean colours of the regions add, [w8]."""
    cells = size[0] * size[1]
    colors = net.transpose(net.reshape(net.shrink(source, 8), 3, cells))
    share = net.reshape(regions, 8, cells)
    total = net.matmul(share, net.constant(np.ones((cells, 1))))
    means = net.combine(DIVIDE, net.add(net.matmul(share, colors), 0.5), net.add(total, 1.0))
    return net.linear(net.reshape(net.subtract(means, 0.5), 24), "encoder.palette")
