# SPDX-License-Identifier: Apache-2.0
"""Exports the graph skeletons (ONNX without weights) from the torch model; run by developers, needs torch.

    python -m mirage_lsd.worker.engines.device.export

Skeletons depend on the architecture only, not on trained weights; picture sides are left open, and engines
fix them at load. Batch norms stay separate nodes (engines fold them), so that tensors keep the names they
have in the weights file.
"""
from __future__ import annotations

import json
import warnings
from pathlib import Path

import onnx
import torch

from mirage_lsd.worker.engines.cache import GRAPHS_DIR, WEIGHTS_BIN
from mirage_lsd.worker.models.graphs import GraphShapes, GraphSpec, graph_specs
from mirage_lsd.worker.models.nets.tiny import MirageTiny, graph_modules

# Where each graph's module sits in MirageTiny.
_PREFIXES = {"condition": "conditioner.", "flow": "flow.", "encode": "encoder.", "motion": "body_motion.", "warp": "",
             "recall": "", "denoise": "", "decode": "decoder.", "upscale": "upscaler."}
_TRACE_PX = (256, 160)


def export_skeletons(folder: Path = GRAPHS_DIR) -> None:
    """Write every graph and layout.json (where each tensor lies in weights.bin)."""
    folder.mkdir(parents=True, exist_ok=True)
    model = MirageTiny().eval()
    _make_distinct(model)
    layout = weight_layout(model)
    specs = graph_specs(GraphShapes(_TRACE_PX))
    for name, module in graph_modules(model).items():
        path = folder / f"{name}.onnx"
        _export_one(module, specs[name], path)
        _strip_weights(path, _PREFIXES[name], layout)
    (folder / "layout.json").write_text(json.dumps({"tensors": layout}, indent=0))


def _make_distinct(model: MirageTiny) -> None:
    """Random values everywhere: the exporter would merge tensors that are equal, as fresh ones are."""
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) * 0.1 + 0.1)


def weight_layout(model: MirageTiny) -> dict[str, dict]:
    """name -> {"shape", "offset" in bytes}, 64-byte aligned, in name order, of all that runs live."""
    layout, offset = {}, 0
    for name, value in sorted(model.state_dict().items()):
        if value.is_floating_point() and not name.startswith(("layer_encoder.", "gaps.", "flow.log_")):
            layout[name] = {"shape": list(value.shape), "offset": offset}
            offset += -(-4 * max(value.numel(), 1) // 64) * 64
    return layout


def open_dimensions(spec: GraphSpec) -> dict[str, dict[int, str]]:
    """Which axes stay open: rows and columns of every map, and the cells that keys and values stand for."""
    axes = {}
    for tensor in (*spec.inputs, *spec.outputs):
        if len(tensor.shape) == 4:
            axes[tensor.name] = {2: f"{tensor.name}_rows", 3: f"{tensor.name}_columns"}
        elif tensor.name.startswith("kv"):
            axes[tensor.name] = {1: f"{tensor.name}_cells"}
    return axes


def _export_one(module: torch.nn.Module, spec: GraphSpec, path: Path) -> None:
    inputs = tuple(torch.zeros(t.shape, dtype=torch.int64) if t.dtype == "int64" else torch.rand(t.shape)
                   for t in spec.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about every Python-side shape, which we fix on purpose
        torch.onnx.export(module, inputs, str(path), input_names=list(spec.input_names),
                          output_names=list(spec.output_names), opset_version=17, dynamo=False,
                          dynamic_axes=open_dimensions(spec), do_constant_folding=False,
                          training=torch.onnx.TrainingMode.PRESERVE)


def _strip_weights(path: Path, prefix: str, layout: dict[str, dict]) -> None:
    """Replace the data of every initializer by a reference into weights.bin."""
    model = onnx.load(path)
    wanted = {name for name in layout if name.startswith(prefix)} if prefix else set()
    absent = wanted - {prefix + tensor.name for tensor in model.graph.initializer}
    if absent:
        raise ValueError(f"{path.name}: the exporter dropped {sorted(absent)[0]}")
    for tensor in model.graph.initializer:
        entry = layout[prefix + tensor.name]
        if list(tensor.dims) != entry["shape"]:
            raise ValueError(f"{path.name}: {tensor.name} is {list(tensor.dims)}, the model has {entry['shape']}")
        length = 4 * max(int(torch.tensor(entry["shape"]).prod()), 1) if entry["shape"] else 4
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in (("location", WEIGHTS_BIN), ("offset", entry["offset"]), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    export_skeletons()
