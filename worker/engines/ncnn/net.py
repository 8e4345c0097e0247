# SPDX-License-Identifier: Apache-2.0
"""Writes a net in ncnn's own form: layers as text, weights as bytes, in one order. No torch, no ncnn.

Called by graphs.py on the loading thread. Values are named blobs without the batch axis: [C,H,W], [rows, columns]
or [n]. Invariant: every blob has one reader, as ncnn wants it; `text` puts a Split where there are more.
"""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM = range(5)  # ncnn's BinaryOp
HEAVY = ("Convolution", "MatMul", "Gemm", "Softmax")
ONE_THREAD, NO_WINOGRAD = 1 << 7, 1 << 6  # in ncnn's mask of what a layer must not use
WIDE = 96  # channels of the smallest maps, where Winograd saves no time and takes four times the memory
SINE, COSINE = 9, 10  # ncnn's UnaryOp
BATCH_NORM_EPS = GROUP_NORM_EPS = 1e-5  # torch's


@dataclass
class Layer:
    """One line of ncnn's text."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    params: dict[int, object]


@dataclass
class Net:
    """weights: tensors by their names in the weights file. calm: whether only the layers that calculate most use
    threads. Methods add layers and return the blobs they make."""

    weights: dict[str, np.ndarray]
    calm: bool = False
    layers: list[Layer] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def layer(self, kind: str, inputs: list[str], params: dict[int, object] | None = None, outputs: int = 1):
        """Adds a layer; returns its output blob, or a list where there are several."""
        name = f"n{len(self.layers)}"
        made = [name if outputs == 1 else f"{name}_{index}" for index in range(outputs)]
        alone = {31: ONE_THREAD} if self.calm and kind not in HEAVY else {}
        self.layers.append(Layer(kind, name, inputs, made, {**(params or {}), **alone}))
        return made[0] if outputs == 1 else made

    def input(self, name: str) -> str:
        self.layers.append(Layer("Input", name, [], [name], {}))
        return name

    def output(self, name: str, blob: str) -> None:
        """Gives a blob the name under which it is fetched."""
        self.layers.append(Layer("Noop", name, [blob], [name], {}))

    def constant(self, values: np.ndarray) -> str:
        values = np.asarray(values, np.float32)
        sizes = dict(zip((0, 1, 2), values.shape[::-1], strict=False))
        blob = self.layer("MemoryData", [], sizes)
        self._store(values)
        return blob

    def conv(self, x: str, weight: np.ndarray, bias: np.ndarray | None = None, stride: int = 1,
             around: float = 0.0) -> str:
        """weight [out,in,k,k], padded so that the sides stay, or are halved; around: what lies beyond the edges."""
        outputs, _, _, kernel = weight.shape
        params = {0: outputs, 1: kernel, 3: stride, 4: kernel // 2, 5: int(bias is not None), 6: weight.size}
        if around:
            params[18] = around
        if kernel == 3 and min(weight.shape[:2]) >= WIDE:
            params[31] = NO_WINOGRAD
        blob = self.layer("Convolution", [x], params)
        self._store_tagged(weight)
        if bias is not None:
            self._store(bias)
        return blob

    def named_conv(self, x: str, name: str, stride: int = 1) -> str:
        return self.conv(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"), stride)

    def depthwise(self, x: str, name: str) -> str:
        weight = self.weights[f"{name}.weight"]
        channels, kernel = weight.shape[0], weight.shape[3]
        blob = self.layer("ConvolutionDepthWise", [x],
                          {0: channels, 1: kernel, 4: kernel // 2, 5: 1, 6: weight.size, 7: channels})
        self._store_tagged(weight)
        self._store(self.weights[f"{name}.bias"])
        return blob

    def linear(self, x: str, name: str) -> str:
        """x [n] -> [outputs]."""
        weight = self.weights[f"{name}.weight"]
        blob = self.layer("InnerProduct", [x], {0: weight.shape[0], 1: 1, 2: weight.size})
        self._store_tagged(weight)
        self._store(self.weights[f"{name}.bias"])
        return blob

    def group_norm(self, x: str, name: str, groups: int = 8) -> str:
        gamma = self.weights[f"{name}.weight"]
        blob = self.layer("GroupNorm", [x], {0: groups, 1: gamma.size, 2: GROUP_NORM_EPS, 3: 1})
        self._store(gamma)
        self._store(self.weights[f"{name}.bias"])
        return blob

    def layer_norm(self, x: str, name: str) -> str:
        """Over the columns of x [rows, columns]."""
        gamma = self.weights[f"{name}.weight"]
        blob = self.layer("LayerNorm", [x], {0: gamma.size, 1: GROUP_NORM_EPS, 2: 1})
        self._store(gamma)
        self._store(self.weights[f"{name}.bias"])
        return blob

    def swish(self, x: str) -> str:
        return self.layer("Swish", [x])

    def sigmoid(self, x: str) -> str:
        return self.layer("Sigmoid", [x])

    def clip(self, x: str, low: float, high: float) -> str:
        return self.layer("Clip", [x], {0: low, 1: high})

    def unary(self, x: str, operation: int) -> str:
        return self.layer("UnaryOp", [x], {0: operation})

    def combine(self, operation: int, x: str, y: str | float) -> str:
        """x (operation) y, y a blob or a number. A blob with as many axes as x is stretched along those of length 1, as
        numpy does it. One with fewer axes is NOT laid along the last axes, as numpy would, but along the first ones
        where it fits there ([3,3] + [1,2,3] gives rows of 1, 2, 3): reshape it to as many axes first."""
        if isinstance(y, str):
            return self.layer("BinaryOp", [x, y], {0: operation})
        return self.layer("BinaryOp", [x], {0: operation, 1: 1, 2: y})

    def add(self, x: str, y: str | float) -> str:
        return self.combine(ADD, x, y)

    def subtract(self, x: str, y: str | float) -> str:
        return self.combine(SUBTRACT, x, y)

    def multiply(self, x: str, y: str | float) -> str:
        return self.combine(MULTIPLY, x, y)

    def concat(self, *blobs: str, axis: int = 0) -> str:
        return self.layer("Concat", list(blobs), {0: axis})

    def split(self, x: str, *sizes: int, axis: int = 0) -> list[str]:
        return self.layer("Slice", [x], {-23300: sizes, 1: axis}, len(sizes))

    def reshape(self, x: str, *shape: int) -> str:
        return self.layer("Reshape", [x], dict(zip((0, 1, 2), shape[::-1], strict=False)))

    def transpose(self, x: str) -> str:
        """Swaps the last two axes."""
        return self.layer("Permute", [x], {0: 1})

    def softmax(self, x: str, axis: int) -> str:
        return self.layer("Softmax", [x], {0: axis, 1: 1})

    def matmul(self, x: str, y: str, turned: bool = False) -> str:
        """x @ y, or x @ y turned, of the last two axes."""
        return self.layer("MatMul", [x, y], {0: int(turned)})

    def turned_matmul(self, x: str, y: str) -> str:
        """x turned @ y, both [rows, columns]."""
        return self.layer("Gemm", [x, y], {2: 1, 3: 0})

    def shuffle(self, x: str) -> str:
        """As torch's pixel_shuffle by 2."""
        return self.layer("PixelShuffle", [x], {0: 2})

    def unshuffle(self, x: str) -> str:
        return self.layer("Reorg", [x], {0: 2})

    def shrink(self, x: str, factor: int) -> str:
        """Mean of factor x factor places."""
        return self.layer("Pooling", [x], {0: 1, 1: factor, 2: factor, 5: 1})

    def enlarge(self, x: str, factor: int, nearest: bool = False) -> str:
        return self.layer("Interp", [x], {0: 1 if nearest else 2, 1: float(factor), 2: float(factor)})

    def sample(self, x: str, grid: str) -> str:
        """x [C,H,W] at grid [2,H,W] in -1..1, corner to corner, bilinear, edges repeated."""
        return self.layer("GridSample", [x, grid], {0: 1, 1: 2, 2: 1, 3: 1})

    def text(self) -> str:
        """All of it as ncnn's param file."""
        lines = [line for layer in _with_splits(self.layers) for line in [_line(layer)]]
        blobs = sum(len(layer.outputs) for layer in _with_splits(self.layers))
        return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines, ""])

    def _store(self, values: np.ndarray) -> None:
        self.data += np.ascontiguousarray(values, np.float32).tobytes()

    def _store_tagged(self, weight: np.ndarray) -> None:
        self.data += bytes(4)  # "plain float32"
        self._store(weight)


def _with_splits(layers: list[Layer]) -> list[Layer]:
    """Layers in which every blob has one reader."""
    readers = Counter(blob for layer in layers for blob in layer.inputs)
    taken: Counter = Counter()
    out = []
    for layer in layers:
        inputs = []
        for blob in layer.inputs:
            inputs.append(f"{blob}.{taken[blob]}" if readers[blob] > 1 else blob)
            taken[blob] += 1
        out.append(Layer(layer.kind, layer.name, inputs, layer.outputs, layer.params))
        for blob in layer.outputs:
            if readers[blob] > 1:
                out.append(Layer("Split", f"{blob}.split", [blob], [f"{blob}.{n}" for n in range(readers[blob])], {}))
    return out


def _line(layer: Layer) -> str:
    params = [f"{key}={_value(value)}" for key, value in layer.params.items()]
    return " ".join([layer.kind, layer.name, str(len(layer.inputs)), str(len(layer.outputs)), *layer.inputs,
                     *layer.outputs, *params])


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join([str(len(value)), *map(str, value)])
    return f"{value:.9e}" if isinstance(value, float) else str(value)
