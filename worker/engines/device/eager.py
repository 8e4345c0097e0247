# SPDX-License-Identifier: Apache-2.0
"""The graphs in plain torch: the reference the other engines are held to."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mirage_lsd.worker.engines import checked_inputs
from mirage_lsd.worker.models.graphs import GraphSpec
from mirage_lsd.worker.models.nets.tiny import MirageTiny, graph_modules
from mirage_lsd.worker.models.weights import WeightsError, load_weights


class EagerEngine:
    """See engines.Engine."""

    name = "eager"

    def __init__(self, specs: dict[str, GraphSpec], weights: Path, threads: int):
        self.specs = specs
        torch.set_num_threads(threads)
        self._modules = graph_modules(load_model(weights))

    def run(self, graph_name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        spec = self.specs[graph_name]
        arrays = [torch.from_numpy(array) for array in checked_inputs(spec, inputs)]
        with torch.inference_mode():
            results = self._modules[graph_name](*arrays)
        results = results if isinstance(results, tuple) else (results,)
        return {name: value.numpy() for name, value in zip(spec.output_names, results, strict=True)}


def load_model(weights: Path) -> MirageTiny:
    """The torch model with the weights of a file, in evaluation mode."""
    model = MirageTiny()
    tensors = {name: torch.from_numpy(value) for name, value in load_weights(weights).items()}
    wanted = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    for name, value in wanted.items():
        if name not in tensors or tensors[name].shape != value.shape:
            raise WeightsError(f"the weights file {weights} does not fit this version: tensor {name}; install the "
                               "weights that came with this version", "weights_architecture")
    model.load_state_dict(tensors, strict=False)
    return model.eval()


def model_tensors(model: MirageTiny) -> dict[str, np.ndarray]:
    """What the weights file holds: every floating-point tensor of the model."""
    return {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()
            if value.is_floating_point()}
