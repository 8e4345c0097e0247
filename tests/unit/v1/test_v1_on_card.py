# SPDX-License-Identifier: Apache-2.0
"""Every graph of mirage-lsd-v1 at full size on a device that is not the host (PyTorch's "meta", which has shapes and no
values): nothing comes from or goes to the host inside a graph. On a graphics card a copy in there would make the
capture of the graph fail, and the host wait in the middle of each frame."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mirage_lsd.worker.engines.device.graph_set import GraphSet
from mirage_lsd.worker.v1.frame.wiring import FRAME_GRAPHS
from mirage_lsd.worker.v1.graphs.config import SD_CONFIGS, SdConfig
from mirage_lsd.worker.v1.graphs.graphs import graph_specs
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule
from mirage_lsd.worker.v1.graphs.shapes import SdShapes
from mirage_lsd.worker.v1.nets.model import MirageV1, graph_modules, load_tiny_nets
from mirage_lsd.worker.v1.nets.random_model import taesd_size
from mirage_lsd.worker.v1.nets.taesd import Taesd
from mirage_lsd.worker.v1.nets.unet import SdUNet

HALF = "float16"
CARD = torch.device("meta")
HOST_CALLS = (torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor.new_tensor, torch.Tensor.item,
              torch.Tensor.tolist, torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.__bool__, torch.Tensor.__float__,
              torch.Tensor.__int__)


class HostCalls(TorchFunctionMode):
    """Notes every call that makes a tensor of the host's numbers, or the other way round."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in HOST_CALLS:
            self._found.append(func.__name__)
        return func(*args, **(kwargs or {}))


class Crossings(TorchDispatchMode):
    """Notes every operation on tensors of both."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        tensors = [item for item in tree_leaves((args, kwargs, made)) if isinstance(item, torch.Tensor)]
        if len({tensor.device.type for tensor in tensors if tensor.dim()}) > 1:
            self._found.append(str(func))
        return made


def crossings(work, *inputs) -> tuple[list[str], object]:
    """(what passed between host and device, the result)."""
    found: list[str] = []
    with torch.no_grad(), HostCalls(found), Crossings(found):
        made = work(*inputs)
    return found, made


@pytest.mark.parametrize("architecture", ["tiny-random", "lcm-sd15", "sd-turbo"])
def test_no_graph_touches_the_host(architecture: str) -> None:
    config, shapes = SD_CONFIGS[architecture], SdShapes((1280, 720), (768, 432))
    graphs = on_card(without_values(config), shapes)
    for name in FRAME_GRAPHS:
        spec = graphs.specs[name]
        found, made = crossings(graphs.modules[name], *(graphs.new_buffer(tensor) for tensor in spec.inputs))
        assert found == [], name
        for tensor, result in zip(spec.outputs, made if isinstance(made, tuple) else (made,), strict=True):
            said = tuple(result.shape), str(result.dtype).removeprefix("torch."), result.device
            assert said == (tensor.shape, tensor.dtype, CARD), (name, tensor.name)


def test_what_touches_the_host_is_seen() -> None:
    flow = torch.zeros(1, 2, 4, 4, device=CARD)
    assert crossings(lambda: flow * flow.new_tensor([1.0, 2.0])[None, :, None, None])[0] == ["new_tensor"]
    assert crossings(lambda: torch.ones(2).to(CARD))[0] == ["aten._to_copy.default"]


def without_values(config: SdConfig) -> MirageV1:
    """The nets at full size, without memory for the large ones; the text encoder is no graph of a frame."""
    with torch.device("meta"):
        unet, autoencoder = SdUNet(config).to(torch.float16), Taesd(taesd_size(config)).to(torch.float16)
    return MirageV1(unet, autoencoder, torch.nn.Identity(), *load_tiny_nets(), FewStepSchedule(), None).eval()


def on_card(model: MirageV1, shapes: SdShapes) -> GraphSet:
    """The graphs with every parameter on the card."""
    for module in model.modules():
        for kept in (module._parameters, module._buffers):
            kept.update({name: moved(value) for name, value in kept.items() if value is not None})
    return GraphSet(graph_specs(shapes, model.config, HALF), graph_modules(model, shapes), HALF, CARD)


def moved(value: torch.Tensor) -> torch.Tensor:
    """The same on the card, a parameter where it was one."""
    there = torch.empty(value.shape, dtype=value.dtype, device=CARD)
    return torch.nn.Parameter(there, False) if isinstance(value, torch.nn.Parameter) else there
