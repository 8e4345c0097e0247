# SPDX-License-Identifier: Apache-2.0
"""Every graph of mirage-lsd-v1 as a graphics card would run it, with PyTorch's fake tensors on "cuda": nothing comes
from or goes to the host inside a graph. A copy in there would make capture fail and the host wait for each frame."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from mirage_lsd.worker.engines.graph_set import GraphSet  # noqa: E402
from mirage_lsd.worker.models.sd.config import SD_CONFIGS, SdConfig  # noqa: E402
from mirage_lsd.worker.models.sd.graphs import graph_specs  # noqa: E402
from mirage_lsd.worker.models.sd.model import MirageV1, graph_modules  # noqa: E402
from mirage_lsd.worker.models.sd.random_checkpoint import taesd_size  # noqa: E402
from mirage_lsd.worker.models.sd.schedule import FewStepSchedule  # noqa: E402
from mirage_lsd.worker.models.sd.shapes import SdShapes  # noqa: E402
from mirage_lsd.worker.models.sd.taesd import Taesd  # noqa: E402
from mirage_lsd.worker.models.sd.tiny_nets import load_tiny_nets  # noqa: E402
from mirage_lsd.worker.models.sd.unet import SdUNet  # noqa: E402
from mirage_lsd.worker.stages.v1.wiring import FRAME_GRAPHS  # noqa: E402

HALF = "float16"
CARD = torch.device("cuda")


class Crossings(TorchDispatchMode):
    """Notes every operation between host and card. found: their names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        tensors = [item for item in tree_leaves((args, kwargs, made)) if isinstance(item, torch.Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.dim()}
        if len(devices) > 1 or func is torch.ops.aten._local_scalar_dense.default:
            self.found.append(str(func))
        return made


@pytest.mark.parametrize("architecture", ["tiny-random", "lcm-sd15", "sd-turbo"])
def test_no_graph_touches_the_host(architecture: str) -> None:
    config, shapes = SD_CONFIGS[architecture], SdShapes((1280, 720), (768, 432))
    model = without_values(config)
    with FakeTensorMode():
        graphs = on_card(model, shapes)
        for name in FRAME_GRAPHS:
            spec = graphs.specs[name]
            inputs = [graphs.new_buffer(tensor) for tensor in spec.inputs]
            with torch.no_grad(), Crossings() as crossings:
                results = graphs.modules[name](*inputs)
            assert crossings.found == [], name
            for tensor, result in zip(spec.outputs, results if isinstance(results, tuple) else (results,), strict=True):
                said = tuple(result.shape), str(result.dtype).removeprefix("torch."), result.device.type
                assert said == (tensor.shape, tensor.dtype, "cuda"), (name, tensor.name)


def test_a_copy_from_the_host_is_seen() -> None:
    with FakeTensorMode():
        with Crossings() as crossings:
            torch.ones(2).to(CARD)
        assert crossings.found
        with pytest.raises(RuntimeError):  # numbers out of a list are a copy from the host as well
            torch.zeros(1, device=CARD).new_tensor([1.0, 2.0])


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
