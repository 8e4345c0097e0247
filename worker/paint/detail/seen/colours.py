# SPDX-License-Identifier: Apache-2.0
"""The colours of one person: their skin, as their own face shows it, and what they wear and their hair look like.

Owned by the refine stage, one a stream, on the worker's loop thread. Colours are votes, weak on dark pictures and on
skin-coloured cloth, and never decide alone. Invariant: memory is a few colour tables, however long the stream.
"""

from __future__ import annotations

import cv2
import numpy as np

BINS = (16, 32, 32)  # L, a, b
_LOG2 = (4, 5, 5)
KEPT = 0.9  # what a table keeps from frame to frame
FEWEST_PX, MOST_PX = 40, 800  # of a face, that are looked at
MOST, RARE = 0.93, 1e-5
UNCERTAIN = np.float64([250.0, 16.0, 16.0])  # added to skin's variances: light differs from cheek to hand
NEAR = 3.0  # squared distance up to which a colour is skin for sure
OUTLIERS = 60.0  # sum of differences to the median from which on a face's pixel is not skin (brows, lips, glasses)


class ColourTable:
    """How frequent colours are in one kind of place. Not thread-safe."""

    def __init__(self) -> None:
        self._table = np.zeros(BINS, np.float32)
        self._pixels = 0.0
        self._frequent = 1.0  # a colour of this share is one of those that make up MOST of what was seen

    def observe(self, places: np.ndarray, where: np.ndarray) -> None:
        """Adds the colours at places intp [h,w] (see `table_places`) where u8 [h,w] is not 0."""
        counts = np.bincount(places[where > 0], minlength=self._table.size)
        total = int(counts.sum())
        if total < FEWEST_PX:
            return
        self._pixels += (1.0 - KEPT if self._pixels else 1.0) * (total - self._pixels)
        now = _smoothed((counts / total).astype(np.float32).reshape(BINS))
        self._table = now if not self._table.any() else np.float32(KEPT) * self._table + np.float32(1.0 - KEPT) * now
        shares = np.sort(self._table[self._table > RARE])[::-1]
        if shares.size:
            self._frequent = float(shares[min(np.searchsorted(np.cumsum(shares), MOST), shares.size - 1)])

    def frequency(self, places: np.ndarray) -> np.ndarray:
        """f32 [h,w] 0..1: 1 where the colour is one of those that make up most of what was seen, less where it is
        rarer."""
        return np.minimum(self._table * np.float32(1.0 / self._frequent), np.float32(1.0)).ravel().take(places)

    def pixels(self) -> np.ndarray:
        """f32 [16,32,32]: of how many pixels each colour was, whatever the light within a quarter of the brightness."""
        wide = self._table.reshape(4, 4, *BINS[1:]).sum(1) * np.float32(self._pixels)
        return np.repeat(wide, 4, axis=0)


def table_places(lab: np.ndarray) -> np.ndarray:
    """A picture u8 [h,w,3] -> intp [h,w]: where each pixel's colour is in a table."""
    places = np.zeros(lab.shape[:2], np.uint16)
    for channel, bits in zip(cv2.split(lab), _LOG2, strict=True):
        places <<= bits
        places |= channel >> (8 - bits)
    return places.astype(np.intp)  # as take() would make it each time


class SkinColour:
    """The colour of one person's skin. Not thread-safe."""

    def __init__(self) -> None:
        self._median: np.ndarray | None = None
        self._whitening = np.eye(3)

    @property
    def bgr(self) -> np.ndarray | None:
        """float32 [3] 0..255, None before a face was seen."""
        if self._median is None:
            return None
        return cv2.cvtColor(np.uint8(self._median)[None, None], cv2.COLOR_LAB2BGR)[0, 0].astype(np.float32)

    def observe(self, lab: np.ndarray, face: np.ndarray) -> None:
        """Takes the colours of a picture u8 [h,w,3] where u8 [h,w] is not 0: the inner face."""
        pixels = lab[face > 0]
        if len(pixels) < FEWEST_PX:
            return
        pixels = pixels[:: max(1, len(pixels) // MOST_PX)].astype(np.float32)
        pixels = pixels[np.abs(pixels - np.median(pixels, axis=0)).sum(1) < OUTLIERS]
        if len(pixels) < FEWEST_PX:
            return
        median, spread = np.median(pixels, axis=0), np.cov(pixels.T) + np.diag(UNCERTAIN)
        if self._median is None:
            self._median, self._spread = median, spread
        else:
            self._median = KEPT * self._median + (1.0 - KEPT) * median
            self._spread = KEPT * self._spread + (1.0 - KEPT) * spread
        self._whitening = np.linalg.cholesky(np.linalg.inv(self._spread)).T

    def likeness(self, lab: np.ndarray) -> np.ndarray:
        """u8 [h,w,3] -> f32 [h,w] 0..1: how much a colour is like this skin."""
        if self._median is None:
            return np.zeros(lab.shape[:2], np.float32)
        place = np.column_stack([self._whitening, -self._whitening @ self._median])
        away = cv2.transform(lab.astype(np.float32), place)
        squared = cv2.transform(cv2.multiply(away, away), np.float32([[1.0, 1.0, 1.0]]))
        return cv2.exp(np.minimum(NEAR - squared, 0.0) * np.float32(1.0 / 6.0))


class PersonColours:
    """skin, cloth (the upper garment worn), lower and hair of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene."""
        self.skin, self.cloth, self.lower, self.hair = SkinColour(), ColourTable(), ColourTable(), ColourTable()

    def observe(self, lab: np.ndarray, places: np.ndarray, face: np.ndarray, sure: dict[str, np.ndarray]) -> None:
        """lab u8 [h,w,3], places intp [h,w]: see `table_places`; face u8 [h,w]: the inner face; sure: u8 [h,w] by name
        (cloth, lower, hair), where the nets are sure of it."""
        self.skin.observe(lab, face)
        for name, where in sure.items():
            getattr(self, name).observe(places, where)

    def rather_cloth(self, places: np.ndarray) -> np.ndarray:
        """f32 [h,w] 0..1: whether a colour is the upper garment's rather than the lower one's: that of which there
        is more has it (a long hem is parsed as trousers now and then)."""
        upper, lower = self.cloth.pixels(), self.lower.pixels()
        rather = np.clip(8.0 * (upper / (upper + lower + np.float32(1e-3)) - 0.7) + 0.5, 0.0, 1.0)
        return rather.ravel().take(places)


def _smoothed(table: np.ndarray) -> np.ndarray:
    """Neighbouring colours count, too: f32 [16,32,32]."""
    rows = cv2.blur(table.reshape(BINS[0] * BINS[1], BINS[2]), (3, 1))
    rows = cv2.blur(rows.reshape(BINS[0], BINS[1] * BINS[2]), (1, 3)).reshape(BINS)
    middle = rows.transpose(1, 0, 2).reshape(BINS[1], -1)
    return np.ascontiguousarray(cv2.blur(middle, (1, 3)).reshape(BINS[1], BINS[0], BINS[2]).transpose(1, 0, 2))
