# SPDX-License-Identifier: Apache-2.0
"""A shipped TFLite model as a function of arrays.

Called by palm.py and hand.py. Invariant: one thread, so that a look at the hands never takes more than one core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirage_lsd.worker import models


def model_file(name: str) -> Path:
    """A file among the shipped models."""
    return Path(models.__file__).with_name("data") / name


class Model:
    """Call it with the input array; returns every output, in the model's order."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._runner = Interpreter(str(file), num_threads=1)
        self._runner.allocate_tensors()
        self._input = self._runner.get_input_details()[0]
        self._outputs = [output["index"] for output in self._runner.get_output_details()]

    def __call__(self, array: np.ndarray) -> list[np.ndarray]:
        assert array.shape == tuple(self._input["shape"]), f"{array.shape} is not {tuple(self._input['shape'])}"
        self._runner.set_tensor(self._input["index"], array)
        self._runner.invoke()
        return [self._runner.get_tensor(index) for index in self._outputs]
