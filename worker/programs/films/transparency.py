# SPDX-License-Identifier: Apache-2.0
"""What becomes of a transparent look in files that take no transparency: black lies behind the person, and it is told.

Used on the film's thread. Invariant: an opaque picture stays as it is.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.programs.pictures import is_opaque, over

LEFT_OUT = "left out: the look's transparency, which {} does not take: black lies behind the person; {}"


def without_alpha(picture: np.ndarray, taker: str, instead: str, remarks: list[str]) -> np.ndarray:
    """picture: uint8 [h, w, 4] BGRA → the same, opaque; told once in `remarks`. taker: what takes no transparency;
    instead: what does."""
    if is_opaque(picture):
        return picture
    remark = LEFT_OUT.format(taker, instead)
    if remark not in remarks:
        remarks.append(remark)
    return over(picture)
