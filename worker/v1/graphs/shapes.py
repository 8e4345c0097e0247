# SPDX-License-Identifier: Apache-2.0
"""The sizes a stream's v1 graphs are made for. Torch-free.

Invariant: sides of the working picture are multiples of 8; each U-Net level halves, rounding up, so 768x432 fits.
"""
from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.worker.models.config import working_size_px as tiny_size_px
from mirage_lsd.worker.v1.graphs.config import LATENT_FACTOR

# (width_px, height_px) of the diffusion picture by working_size name, widest first.
BUCKETS: dict[str, tuple[tuple[int, int], ...]] = {
    "small": ((512, 288), (448, 336), (384, 384), (336, 448), (288, 512)),
    "medium": ((768, 432), (640, 480), (512, 512), (480, 640), (432, 768)),
    "large": ((1024, 576), (832, 624), (704, 704), (624, 832), (576, 1024)),
}
PERSON_MASK_PX = (256, 144)  # (width, height) of the person mask, stretched over the whole frame


@dataclass(frozen=True)
class SdShapes:
    """frame_px: (width, height) of the frames in the rings; working_px: of the picture that is diffused."""

    frame_px: tuple[int, int]
    working_px: tuple[int, int]

    def __post_init__(self) -> None:
        width, height = self.working_px
        if width % LATENT_FACTOR or height % LATENT_FACTOR or min(width, height) < 64:
            raise ValueError(f"v1's working size must have sides that are multiples of 8, 64 at least, "
                             f"got {width}x{height}")
        if min(self.frame_px) < 2:
            raise ValueError(f"the frame must be 2x2 px at least, got {self.frame_px[0]}x{self.frame_px[1]}")

    def cells(self, level: int = 0) -> tuple[int, int]:
        """(rows, columns) of the latent (level 0) or of a U-Net level."""
        rows, columns = self.working_px[1] // LATENT_FACTOR, self.working_px[0] // LATENT_FACTOR
        for _ in range(level):
            rows, columns = -(-rows // 2), -(-columns // 2)
        return rows, columns

    @property
    def small_px(self) -> tuple[int, int]:
        """(width, height) at which LSD-tiny's flow net and source encoder, trained at that size, look."""
        return tiny_size_px(*self.working_px)


def sd_shapes_for(width_px: int, height_px: int, working_size: str = "medium") -> SdShapes:
    """The bucket nearest in aspect ratio to a source of the given size."""
    if working_size not in BUCKETS:
        raise ValueError(f"unknown working size {working_size!r}; use one of {', '.join(BUCKETS)}")
    aspect = width_px / height_px
    working = min(BUCKETS[working_size], key=lambda wh: max(wh[0] / wh[1] / aspect, aspect / (wh[0] / wh[1])))
    return SdShapes((width_px, height_px), working)
