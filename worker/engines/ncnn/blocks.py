# SPDX-License-Identifier: Apache-2.0
"""The blocks of models/nets/blocks.py in ncnn's form, with batch norms folded into their convolutions. No torch.

Called by graphs.py and encoder.py on the loading thread. Invariant: the same arithmetic as the torch blocks, which
tests/unit/engines/test_engine.py compares on every graph.
"""
from __future__ import annotations

import math

import numpy as np

from mirage_lsd.worker.engines.ncnn.net import BATCH_NORM_EPS, Net

HEADS = 4
ABSENT = 30.0  # as in FrameAttention


def folded_conv(net: Net, x: str, name: str, stride: int = 1, centred: bool = False) -> str:
    """Convolution `name`.0 with batch norm `name`.1; of (x - 0.5) * 2 if centred, which costs nothing here."""
    weights = net.weights
    norm = f"{name}.1"
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPS)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    weight = weights[f"{name}.0.weight"] * scale[:, None, None, None]
    if centred:
        return net.conv(x, 2.0 * weight, bias - weight.sum((1, 2, 3)), stride, around=0.5)
    return net.conv(x, weight, bias, stride)


def conv_norm(net: Net, x: str, name: str, stride: int = 1, centred: bool = False) -> str:
    return net.swish(folded_conv(net, x, name, stride, centred))


def plain_block(net: Net, x: str, name: str) -> str:
    inner = folded_conv(net, conv_norm(net, x, f"{name}.first"), f"{name}.second")
    return net.swish(net.add(x, inner))


def refine_block(net: Net, x: str, name: str) -> str:
    return net.add(x, folded_conv(net, conv_norm(net, x, f"{name}.first"), f"{name}.second"))


def film_block(net: Net, x: str, film: str, name: str) -> str:
    """film [D]: the condition vector."""
    channels = net.weights[f"{name}.norm1.weight"].size
    scale, shift = net.split(net.linear(film, f"{name}.film"), channels, channels)
    scale, shift = (net.reshape(part, channels, 1, 1) for part in (net.add(scale, 1.0), shift))
    hidden = net.named_conv(net.swish(net.group_norm(x, f"{name}.norm1")), f"{name}.conv1")
    hidden = net.add(net.multiply(net.group_norm(hidden, f"{name}.norm2"), scale), shift)
    return net.add(x, net.named_conv(net.swish(hidden), f"{name}.conv2"))


def film_blocks(net: Net, x: str, film: str, name: str) -> str:
    """As blocks.FilmBlocks: as many as there are weights for."""
    index = 0
    while f"{name}.{index}.film.bias" in net.weights:
        x = film_block(net, x, film, f"{name}.{index}")
        index += 1
    return x


def linear_rows(net: Net, x: str, name: str) -> str:
    """A linear layer of every row of x [rows, inputs] -> [rows, outputs]."""
    weight, bias = (net.weights[f"{name}.{part}"] for part in ("weight", "bias"))
    return net.add(net.matmul(x, net.constant(weight.T)), net.constant(bias[None]))


def time_recalled(net: Net, cache: str, has_cache: str, name: str) -> str:
    """See TemporalConv.recalled; has_cache [1]."""
    weight = net.weights[f"{name}.mix.weight"]
    channels = weight.shape[0]
    both = weight[:, :channels] + weight[:, channels:]
    mixed = net.conv(net.depthwise(cache, f"{name}.past"), both, net.weights[f"{name}.mix.bias"])
    return net.multiply(mixed, has_cache)


def time_with_recalled(net: Net, x: str, recalled: str, has_cache: str, name: str) -> str:
    weight = net.weights[f"{name}.mix.weight"]
    changed = net.conv(x, weight[:, weight.shape[0] :])
    return net.subtract(net.add(x, recalled), net.multiply(changed, has_cache))


def attention_recalled(net: Net, cells: tuple[str, str], tokens: str, count: int, name: str) -> str:
    """See FrameAttention.recalled: [N,2C]. cells: of cache and anchor, `count` each; tokens [8,D]."""
    given = [_keys_values(net, net.group_norm(item, f"{name}.norm"), count, name) for item in cells]
    words = linear_rows(net, tokens, f"{name}.token_key_value")
    return net.concat(*(net.transpose(item) for item in given), words)


def attend(net: Net, x: str, recalled: str, history: str, shape: tuple[int, int, int], name: str) -> str:
    """See FrameAttention.attend. x [C,H,W] of `shape`; recalled [N,2C]; history [2]."""
    channels, rows, columns = shape
    cells, depth = rows * columns, channels // HEADS
    seen = 3 * cells + 8
    own = net.group_norm(x, f"{name}.norm")
    pairs = net.concat(_keys_values(net, own, cells, name), net.transpose(recalled), axis=1)
    key, value = (net.reshape(half, HEADS, depth, seen) for half in net.split(pairs, channels, channels))
    scale = math.sqrt(HEADS / channels)
    weight, bias = net.weights[f"{name}.query.weight"], net.weights[f"{name}.query.bias"]
    query = net.conv(own, weight[:, :, None, None] * scale, bias * scale)
    query = net.transpose(net.reshape(query, HEADS, depth, cells))
    # The bias as one more channel, which every query has as 1: adding it to all scores would take as long again.
    query = net.concat(query, net.constant(np.ones((HEADS, cells, 1))), axis=2)
    scores = net.matmul(query, net.concat(key, _bias(net, history, cells, name), axis=1))
    mixed = net.matmul(net.softmax(scores, 2), value, turned=True)
    mixed = net.reshape(net.transpose(mixed), channels, rows, columns)
    weight = net.weights[f"{name}.out.weight"][:, :, None, None]
    return net.add(x, net.conv(mixed, weight, net.weights[f"{name}.out.bias"]))


def _keys_values(net: Net, cells: str, count: int, name: str) -> str:
    """Normed cells [C,H,W] -> [2C,count]."""
    weight = net.weights[f"{name}.key_value.weight"][:, :, None, None]
    return net.reshape(net.conv(cells, weight, net.weights[f"{name}.key_value.bias"]), weight.shape[0], count)


def _bias(net: Net, history: str, cells: int, name: str) -> str:
    """[heads,1,N]: the learned preference, and -30 for history that is absent."""
    preference = np.repeat(net.weights[f"{name}.source_bias"], (cells, cells, cells, 8), axis=1)
    absent = np.zeros((2, 1, preference.shape[1]), np.float32)
    absent[0, 0, cells : 2 * cells] = absent[1, 0, 2 * cells : 3 * cells] = ABSENT
    has_cache, has_anchor = (net.subtract(flag, 1.0) for flag in net.split(history, 1, 1))
    gone = net.add(net.multiply(net.constant(absent[0]), has_cache), net.multiply(net.constant(absent[1]), has_anchor))
    return net.add(net.constant(preference[:, None]), net.reshape(gone, 1, 1, preference.shape[1]))


def warp(net: Net, x: str, flow: str, size: tuple[int, int]) -> str:
    """See blocks.warp_by_flow; flow [2,H,W] in cells, size: (H, W)."""
    rows, columns = size
    down, across = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    reach = np.float32([2.0 / (columns - 1), 2.0 / (rows - 1)])[:, None, None]
    place = net.add(net.multiply(flow, net.constant(reach)), net.constant(np.stack([across, down])))
    return net.sample(x, place)
