# SPDX-License-Identifier: Apache-2.0
"""A shipped TFLite model as a function of arrays, through ai-edge-litert.

Called by whoever looks at pictures with one, each model by one thread at a time. Invariant: it computes on one thread,
so that a look never takes more than one core.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.models.weights import DATA_DIR, WeightsError


class Model:
    """file: in models/data. Call it with the input array; returns every output, in the model's order."""

    def __init__(self, file: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        path = DATA_DIR / file
        if not path.is_file():
            raise WeightsError(f"a model file is missing: {path}; reinstall Mirage LSD", "weights_missing")
        try:
            self._runner = Interpreter(str(path), num_threads=1)
            self._runner.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise WeightsError(f"a model file cannot be used: {path}: {error}; reinstall Mirage LSD") from error
        self._input = self._runner.get_input_details()[0]
        self._outputs = [output["index"] for output in self._runner.get_output_details()]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """[1, height, width, channels]."""
        return tuple(int(length) for length in self._input["shape"])

    def __call__(self, array: np.ndarray) -> list[np.ndarray]:
        assert array.shape == self.input_shape, f"{array.shape} is not {self.input_shape}"
        self._runner.set_tensor(self._input["index"], array)
        self._runner.invoke()
        return [self._runner.get_tensor(index) for index in self._outputs]
