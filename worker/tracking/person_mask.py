# SPDX-License-Identifier: Apache-2.0
"""Where the person is: MediaPipe's selfie segmentation (a tflite file in data/, see NOTICE), through ai-edge-litert.

Called through hosts/model_context.py, on one thread at a time; 3-5 ms a picture, beside the flow. The encoder is
trained with poor masks, so a mask may be a frame or two old and is a hint, not a cut-out.
"""
from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mirage_lsd.worker.models.weights import DATA_DIR, WeightsError


class PersonMask:
    """Person masks for RGB pictures. Not thread-safe."""

    def __init__(self, landscape: bool = True, threads: int = 1):
        """landscape: the 256x144 model, cheaper and for wide pictures; else the 256x256 one."""
        from ai_edge_litert.interpreter import Interpreter

        path = DATA_DIR / ("selfie_segmentation_landscape.tflite" if landscape else "selfie_segmentation.tflite")
        if not path.is_file():
            raise WeightsError(f"the person-mask model is missing: {path}; reinstall Mirage LSD", "weights_missing")
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, picture: np.ndarray, size_px: tuple[int, int] | None = None,
                 begun: Callable[[], None] = lambda: None) -> np.ndarray:
        """picture: RGB u8 or float32 0..1 [H,W,3], any size -> float32 [h,w] 0..1 at size_px (width, height),
        by default the picture's size. begun: called when the interpreter of Python is about to be let go, or never
        will be."""
        try:
            self._fill(picture)
        finally:
            begun()
        self._interpreter.invoke()
        mask = self._interpreter.get_tensor(self._output)[0, :, :, 0]
        size_px = size_px or (picture.shape[1], picture.shape[0])
        return np.clip(cv2.resize(mask, size_px, interpolation=cv2.INTER_LINEAR), 0.0, 1.0)

    def _fill(self, picture: np.ndarray) -> None:
        _, rows, columns, _ = self._input["shape"]
        small = cv2.resize(picture, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
        if small.dtype == np.uint8:
            small = small.astype(np.float32) * (1.0 / 255.0)
        self._interpreter.set_tensor(self._input["index"], small[None].astype(np.float32, copy=False))
