# SPDX-License-Identifier: Apache-2.0
"""The edit layer on the full-size frame: dye, pattern, scene picture and blending, elementwise, in OpenCV.

Called by the upscale stage, one `LayerApplier` a stream and size (it keeps scratch buffers, because fresh ones cost
more in page faults than the arithmetic), and by eval. Not thread-safe; it does its work in bands, every other one on
another thread (OpenCV and numpy let go of the interpreter meanwhile). The pixel rule (maps scaled up bilinearly):

    color   = clamp((rgb + detail * luma) * M) + light that the cloth gives out
    M       = 1 + sum over upper, lower, hair of share * (albedo / NEUTRAL - 1)
    layer   = color + scene * (scene picture, or what is behind the person - color)
    alpha   = clamp(offset + slope * luma)
    picture = frame + strength * alpha * (layer - frame)

Invariant: every pixel where alpha is 0, and every pixel at strength 0, is the frame's own, bit for bit. Work is done
only inside boxes: where the layer shows at all, where its colour shows, where it is dyed.
"""
from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.paint.cloth import pixel_size_m
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.layer_band import Band, BandWork
from mirage_lsd.worker.paint.layer_box import Box, fit_box
from mirage_lsd.worker.paint.layer_maps import SCENE, UPPER, LayerMaps
from mirage_lsd.worker.processes.side_by_side import in_parallel

SHARES = slice(4, 8)  # their place among the buffers (config.BUFFERS)
SHOWN = 1.0 / 512  # less of a layer than this changes no pixel value
DYED = 1.0 / 128  # less of a pattern's or the scene's share than this changes a value by one at most
THREADS, BAND_PX = 2, 120  # bands so high fit a core's cache
MOST_BANDS = 16
SIZE_EVERY_FRAMES = 16  # how often the size of a pixel on the cloth is measured


class LayerApplier:
    """Puts layers on frames of one size."""

    def __init__(self, width_px: int, height_px: int):
        self._size_px = (width_px, height_px)
        self._bands = [Band(self._size_px) for _ in range(THREADS)]
        self._pixel_m, self._printed_frames = 0.0, 0

    def apply(self, frame: np.ndarray, maps: LayerMaps, dyes: Dyes, strength: float, scene: np.ndarray | None = None,
              out: np.ndarray | None = None) -> np.ndarray:
        """frame u8 [H,W,4] BGRA; scene u8 [H,W,3] BGR, needed inside `scene_box` only; strength 0..1.

        Returns `out` (made if None): u8 [H,W,4], alpha copied.
        """
        width_px, height_px = self._size_px
        if frame.shape != (height_px, width_px, 4):
            raise ValueError(f"frame must be {(height_px, width_px, 4)}, got {frame.shape}")
        if scene is not None and scene.shape != (height_px, width_px, 3):
            raise ValueError(f"scene must be {(height_px, width_px, 3)}, got {scene.shape}")
        if out is None:
            out = np.empty_like(frame)
        np.copyto(out, frame)
        if strength <= 0.0:
            return out
        shown = shown_at(maps.mask)
        box = fit_box(shown, self._size_px)
        if box is not None:
            work = BandWork(frame, maps, dyes, min(strength, 1.0), scene, out,
                         None if scene is None else fit_box(shown & (maps.shares[SCENE] < 1.0 - SHOWN), self._size_px),
                         None if scene is None else scene_box(maps, self._size_px),
                         fit_box(maps.shares[UPPER] > DYED, self._size_px) if dyes.pattern or dyes.glows else None,
                         None if maps.drawn is None else fit_box(maps.drawn.decal[..., 3] > 0, self._size_px),
                         dyes.matrix(),
                         self.pixel_m(maps) if dyes.pattern else 0.0)
            boxes = self._boxes(box, shown)
            in_parallel([partial(band.blend, work, boxes[turn::THREADS]) for turn, band in enumerate(self._bands)])
        return out

    def _boxes(self, box: Box, shown: np.ndarray) -> list[Box]:
        """The box as bands, each as wide as what is shown in it, bool [h,w]."""
        count = min(MOST_BANDS, max(THREADS, box.size_px[1] // BAND_PX))
        bands = box.bands(shown.shape, self._size_px, count)
        return [narrow for band in bands if (narrow := band.narrowed(shown, self._size_px)) is not None]

    def pixel_m(self, maps: LayerMaps) -> float:
        """Metres of cloth that a pixel of the frame covers; measured now and then and kept until it changes by a
        quarter, so that the cloth's sharpness does not pump."""
        if self._printed_frames % SIZE_EVERY_FRAMES == 0:
            rows, columns = maps.surface.shape[:2]
            inside = cv2.resize(maps.shares[UPPER], (columns, rows)) > 0.5
            now = pixel_size_m(maps.surface, inside) * columns / self._size_px[0]
            if not 0.8 < self._pixel_m / now < 1.25:
                self._pixel_m = now
        self._printed_frames += 1
        return self._pixel_m


def scene_box(maps: LayerMaps, size_px: tuple[int, int]) -> Box | None:
    """Where the layer shows what is behind the person, in a frame of size_px; None where it does nowhere."""
    return fit_box(shown_at(maps.mask) & (maps.shares[SCENE] > DYED), size_px)


def shown_at(mask: np.ndarray) -> np.ndarray:
    """mask f32 [3,h,w] -> bool [h,w]: where a layer with this mask can cover anything, however bright the source is."""
    return mask[1] + np.maximum(mask[2], 0.0) > SHOWN
