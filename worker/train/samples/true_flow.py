# SPDX-License-Identifier: Apache-2.0
"""How a source truly moves, in latent cells, as the flow nets are taught it. Called by compose.py on loader threads.

Pure numpy/OpenCV. Invariant: a cell moves as what it mostly shows, or, with `around`, as what could be put on there.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.train.samples.views import View

AROUND_CELLS = 2  # what is put on reaches so far beyond the person
SOME = 25  # of 255: a cell with less of the person than that has no motion of theirs


def true_flow(rendered: np.ndarray, view: View, person: np.ndarray, drift_px: np.ndarray, around: int = 0
              ) -> np.ndarray:
    """rendered [h/4,w/4,2] in px of the layer, 0 where nobody is; person u8 [H,W]; drift_px f [2]: of the background ->
    backward flow f32 [2,H/8,W/8] in cells: the person's where a cell mostly shows them, else the camera's drift. With
    `around`, the person's wherever there is any of them and so many cells further, as what is put on moves."""
    width, height = view.size_px
    shrunk = view.matrix.copy()
    shrunk[:, 2] /= 4
    shrunk[:, :2] *= 8 / 4
    cells = (width // 8, height // 8)
    rendered = rendered.astype(np.float32)
    moved, weight = (cv2.warpAffine(plane, shrunk, cells, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
                     for plane in (rendered, (np.abs(rendered).sum(2) > 0).astype(np.float32)))
    moved = view.motion(moved / np.maximum(weight, 0.05)[..., None]) / np.float32(8.0)
    inside = cv2.resize(person, cells, interpolation=cv2.INTER_AREA)[..., None] > (SOME if around else 127)
    for _ in range(around):
        moved, inside = spread(moved, inside)
    return np.where(inside, moved, (-drift_px / 8.0).astype(np.float32)).transpose(2, 0, 1).astype(np.float32)


def spread(flow: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow f32 [h,w,2] known where inside bool [h,w,1] -> both, one cell further, by the mean of the neighbours."""
    known = inside.astype(np.float32)
    near = cv2.blur(known[..., 0], (3, 3), borderType=cv2.BORDER_REPLICATE)[..., None]
    mean = cv2.blur(flow * known, (3, 3), borderType=cv2.BORDER_REPLICATE) / np.maximum(near, 1e-6)
    return np.where(inside, flow, mean), near > 1e-6
