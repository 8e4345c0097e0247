# SPDX-License-Identifier: Apache-2.0
"""The masks that were drawn by hand: which frame of which film each belongs to, and its classes.

Read by by_hand.py and by the tests. Invariant: a mask is only laid on the very frame that it was drawn on: the frame's
bytes are compared by their digest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "data" / "people_masks"
CLASSES = ("background", "hand", "hair", "garment", "strap", "skin", "arm", "other")
BACKGROUND, HAND, HAIR, GARMENT, STRAP, SKIN, ARM, OTHER = range(len(CLASSES))
SIZE_PX = (640, 480)


@dataclass(frozen=True)
class DrawnFrame:
    """film: file name; frame: counted from 0; bgr_sha256: of the decoded frame's bytes; mask: the picture's name."""

    film: str
    frame: int
    bgr_sha256: str
    mask: str

    def labels(self) -> np.ndarray:
        """The classes, uint8 [480, 640], 0 to 7."""
        return np.array(Image.open(FOLDER / self.mask))

    def is_of(self, bgr: np.ndarray) -> bool:
        """Whether this is the frame that was drawn on; uint8 [480, 640, 3]."""
        return hashlib.sha256(np.ascontiguousarray(bgr).tobytes()).hexdigest() == self.bgr_sha256


def drawn_frames() -> list[DrawnFrame]:
    """All of them, by film."""
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return [DrawnFrame(**entry) for entry in index["frames"]]
