# SPDX-License-Identifier: Apache-2.0
"""Where somebody was seen of late, so that nothing is painted where the nets only think that somebody is.

The encoder's parsing learned from pictures with people in them and finds cloth in a brick wall or an emptied seat; the
segmenter does not. Called by the encode stage, each frame, and through it by the upscale stage. What hangs together
with cells where the segmenter saw somebody is somebody; the rest is nobody, and is not painted.
Invariants: a sighting moves along with the picture and lasts while the picture there is the same, for some frames, or
some seconds where the segmenter is in doubt; nothing is remembered over a cut; where all that is parsed was seen, no
value is changed.
"""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps

SEEN, DOUBT = 0.5, 0.03  # a cell's mean of the mask from which on somebody was seen, and nobody certainly was not
LASTS, PRESUMED = 0.1, 0.5  # so little of a sighting still counts
KEPT, KEPT_IN_DOUBT = 0.86, 0.95  # what a frame keeps of one: 15 frames, or 45
LEFT, LEFTOVER = 0.5, 0.4  # if less than so much of all sightings is still there, somebody left; what is kept then
SAME_WITHIN = 60.0  # sum of the channels' differences (0..255 each) of a cell that shows the same
PARSED = 0.5  # the parsing's probability of background below which it thinks somebody is there
SEEN_SHARE, FEWEST = 0.1, 2  # of what hangs together so much, and so many cells, must have been seen
BESIDE = np.ones((5, 5), np.uint8)  # cells around those where somebody was seen
LOOKED_SHARE = 0.3  # the same for another look, which nears what it looks at
# A chest without its head is no person to the segmenter: what is parsed from the lower edge up over so much of the
# picture, one side of it free, so surely (walls, chairs and horses were at .66 to .77, chests at .81 to .98), counts as
# seen until somebody was seen well, that is over so much of what is parsed.
CLOSE_SHARE, SURELY, WELL_SEEN = 0.25, 0.8, 0.5
PAINTED = 0.05  # a cell's mean coverage from which on it hangs together with its neighbours


class Sightings:
    """Of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene, or another size."""
        self._seen = np.empty((0, 0), np.float32)
        self._picture = np.empty((0, 0, 3), np.uint8)
        self._was_well_seen = False

    def follow(self, mask: np.ndarray, picture: np.ndarray, motion: np.ndarray | None, cells: tuple[int, int]) -> None:
        """mask f32 [h,w] 0..1: what the segmenter says of this picture u8 [h,w,3]; motion: see PersonMemory, or None
        after a cut; cells: (columns, rows)."""
        before, self._picture = self._picture, cv2.resize(picture, cells, interpolation=cv2.INTER_AREA)
        now = cv2.resize(mask, cells, interpolation=cv2.INTER_AREA)
        held = np.zeros_like(now)
        if motion is not None and self._seen.shape == held.shape:
            there = self._still_there(before, motion)
            if there.sum() < LEFT * self._seen.sum():
                there *= LEFTOVER
            held = np.where(now > DOUBT, KEPT_IN_DOUBT, KEPT) * there
        held[now > SEEN] = 1.0
        self._seen = held

    def look(self, mask: np.ndarray, nobody: np.ndarray) -> None:
        """Another look at those parts of the same picture that are thought to show nobody: mask f32 [h,w] 0..1, nobody
        bool [rows,columns]."""
        rows, columns = self._seen.shape
        seen = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA) > SEEN
        self._seen[seen & nobody & ~lacking(nobody, seen, LOOKED_SHARE)] = 1.0

    def presume(self, background: np.ndarray) -> None:
        """Takes a body close by, without a head, for seen; background f32 [rows,columns]: see `parsed_cells`."""
        parsed = parsed_cells(background)
        seen = np.count_nonzero(parsed & (self._seen == 1.0))
        self._was_well_seen |= seen >= max(FEWEST, WELL_SEEN * np.count_nonzero(parsed))
        if not self._was_well_seen:
            self._seen[close_by(background) & (self._seen < 1.0)] = PRESUMED

    def _still_there(self, before: np.ndarray, motion: np.ndarray) -> np.ndarray:
        rows, columns = self._seen.shape
        x = motion[0] + np.arange(columns, dtype=np.float32)
        y = motion[1] + np.arange(rows, dtype=np.float32)[:, None]
        seen = cv2.remap(self._seen, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        change = cv2.absdiff(moved, self._picture).sum(-1, dtype=np.float32) * (1.0 / SAME_WITHIN)
        return seen * np.exp(-np.square(change)) * (1.0 - motion[2])

    @property
    def cells(self) -> np.ndarray:
        """bool [rows,columns]: where somebody was seen."""
        return self._seen > LASTS


def close_by(background: np.ndarray) -> np.ndarray:
    """f32 [rows,columns] -> bool: parsed cells of what may be a body that fills much of the picture."""
    parsed = parsed_cells(background)
    count, labels = cv2.connectedComponents(parsed.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)
    bottom, left, right = (np.isin(np.arange(count), edge) for edge in (labels[-1], labels[:, 0], labels[:, -1]))
    sure = np.bincount(labels.ravel(), 1.0 - background.ravel(), count) >= SURELY * sizes
    body = (sizes >= CLOSE_SHARE * parsed.size) & sure & bottom & ~(left & right)
    body[0] = False
    return body[labels]


def parsed_cells(background: np.ndarray) -> np.ndarray:
    """background f32 [rows,columns]: the parsing's probability -> bool: where it thinks that somebody is."""
    return background < PARSED


def painted_cells(maps: LayerMaps, cells: tuple[int, int], scene: bool) -> np.ndarray:
    """bool [rows,columns]: where the layer shows more than a scene; cells: (columns, rows)."""
    alpha = np.clip(maps.mask[1] + np.maximum(maps.mask[2], 0.0), 0.0, 1.0)
    if scene:
        alpha = alpha * (1.0 - maps.shares[SCENE])
    return cv2.resize(alpha, cells, interpolation=cv2.INTER_AREA) > PAINTED


def unseen(cells: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Both bool [rows,columns] -> those of `cells` that hang together with too few where somebody was seen; what lies
    beside those few is somebody all the same."""
    nobody, few = lacking(cells, seen, SEEN_SHARE), cells & seen & ~lacking(cells & seen, seen, 0.0)
    if not nobody.any() or not few.any():
        return nobody
    return nobody & (cv2.dilate(few.astype(np.uint8), BESIDE) == 0)


def lacking(cells: np.ndarray, seen: np.ndarray, share: float) -> np.ndarray:
    """Both bool [rows,columns] -> those of `cells` in connected parts of which less than a share was seen."""
    count, labels = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
    sizes, known = np.bincount(labels.ravel(), minlength=count), np.bincount(labels[seen], minlength=count)
    nobody = known < np.maximum(FEWEST, share * sizes)
    nobody[0] = False
    return nobody[labels]


def without_nobody(maps: LayerMaps, parsed: np.ndarray, seen: np.ndarray, scene: bool) -> LayerMaps:
    """Maps whose layer shows nothing, or the scene alone, where nobody was seen; both bool [rows,columns]."""
    if not seen.any():
        return _bare(maps, np.ones_like(seen), scene)
    cells = parsed | painted_cells(maps, seen.shape[::-1], scene)
    nobody = unseen(cells, seen)
    if not nobody.any():
        return maps
    beside = cv2.dilate(nobody.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return _bare(maps, nobody | (beside & ~cells), scene)


def _bare(maps: LayerMaps, nobody: np.ndarray, scene: bool) -> LayerMaps:
    high, wide = maps.mask.shape[1:]
    there = cv2.resize(nobody.astype(np.uint8), (wide, high), interpolation=cv2.INTER_NEAREST) > 0
    mask, shares = maps.mask.copy(), maps.shares.copy()
    mask[:, there] = 0.0
    shares[:, there] = 0.0
    if scene:
        mask[1, there] = shares[SCENE, there] = 1.0
    return replace(maps, mask=mask, shares=shares)
