# SPDX-License-Identifier: Apache-2.0
"""The looks that keep the person and take their own place away: "transparent" and "blurred".

Called by the composite stage, each frame of such a look. Holds the matte's past of one stream; not thread-safe.
Invariant: at strength 0 the picture is the source's, bit for bit.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mirage_lsd.shared.vocabulary import BLURRED
from mirage_lsd.worker.paint.background.blur import blurred_place
from mirage_lsd.worker.paint.background.cut_out import cut_out, put_before
from mirage_lsd.worker.paint.background.matte import Matte
from mirage_lsd.worker.paint.layer_maps import LayerMaps

if TYPE_CHECKING:
    from mirage_lsd.worker.stages.base import LookTokens

SHARP_UNTIL = 0.25  # a strength from which on nothing of the sharp place is left; the disc grows on


class OwnPlace:
    """One stream's."""

    def __init__(self) -> None:
        self._matte = Matte()

    def reset(self) -> None:
        """The scene was cut."""
        self._matte.reset()

    def __call__(self, picture: np.ndarray, source: np.ndarray, person: np.ndarray, maps: LayerMaps,
                 look: LookTokens) -> np.ndarray:
        """picture u8 [H,W,4] BGRA: the source with the person's look on, changed in place and returned; source u8
        [H,W,4]; person f32 [h,w] 0..1: the segmenter's; maps: the layer with the place's share."""
        matte = self._matte(source, person, maps, look.edits)
        if look.dyes.scene == BLURRED:
            place = blurred_place(source, matte, person, look.strength)
            return put_before(picture, matte, place, min(1.0, look.strength / SHARP_UNTIL))
        return cut_out(picture, matte, look.strength)
