# SPDX-License-Identifier: Apache-2.0
"""Who is restyled: the nearest person, or the one at a place that the user chose.

Called by the composite stage, each frame whose settings do not say "everyone". Invariants: whoever was chosen stays
chosen until they leave, are clearly farther away than another for a second, or the user chooses anew; while nobody is
chosen nobody is restyled; where one person alone is in the picture and chosen, no value of a map is changed.
"""
from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import NEAREST, StreamSettings
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps
from mirage_lsd.worker.tracking.person_memory import places
from mirage_lsd.worker.tracking.who.bodies import Bodies

LEAD, LEAD_FRAMES = 1.25, 24  # so much larger, for so many frames in a row, is somebody nearer than the chosen one
PATIENCE_FRAMES = 12  # so long the chosen one may be lost, and whoever newly appears there is them
SAME_PLACE = 0.15  # of the picture's height: so near where they were lost
REACH = 0.1  # of the picture's height: so near the place must be whom we waited for
SOFT, KEPT = (3, 3), 0.6  # pixels that a border between two people is blended over, and what a frame keeps of it
ALL = 0.99  # such a share everywhere is everybody
WAITING = "nobody is at the chosen place: nobody is restyled"
NOBODY = 0


class Whom:
    """Of one stream. remark: for the status, "" while there is nothing to say. Not thread-safe."""

    def __init__(self) -> None:
        self.remark = ""
        self._bodies, self._asked = Bodies(), ("", 0.0, 0.0)
        self.reset()

    def reset(self) -> None:
        """Another scene, or another size: nobody is known."""
        self._bodies.reset()
        self._choose_anew()
        self._share: np.ndarray | None = None

    flush = reset

    def __call__(self, settings: StreamSettings, person: np.ndarray, picture: np.ndarray, motion: np.ndarray | None,
                 faces: Sequence[np.ndarray] = ()) -> np.ndarray | None:
        """person f32 [h,w] 0..1, picture u8 [h,w,3], motion f32 [3,h/8,w/8] or None after a cut, faces: see Bodies.

        -> f32 [h,w] 0..1: the share of each pixel that is theirs who are restyled; None: everybody's is."""
        asked = settings.who, settings.who_x, settings.who_y
        if asked != self._asked:
            self._asked = asked
            self._choose_anew()
        if motion is None:
            self.reset()
        owner = self._bodies(person, picture, motion, faces)
        self._choose(owner)
        self.remark = WAITING if self._waits else ""
        return self._shared(owner, person.shape, motion)

    def _choose_anew(self) -> None:
        self._chosen, self._lost, self._waits = NOBODY, 0, False
        self._leading = self._since = 0
        self._others: Set[int] = set()  # who were there beside the chosen one
        self._last_seen: tuple[float, float] | None = None

    def _choose(self, owner: np.ndarray) -> None:
        sizes = self._bodies.sizes
        if self._chosen in sizes:
            self._lost = 0
            if self._asked[0] == NEAREST:
                self._let_lead(max(sizes, key=sizes.get))
        elif self._last_seen is not None and self._lost < PATIENCE_FRAMES:
            self._lost += 1
            self._chosen = self._nearest_to(*self._last_seen, SAME_PLACE, self._others) or self._chosen
        else:
            self._chosen = self._picked()
        if self._chosen in sizes:
            self._last_seen, self._waits = self._middle_of(self._chosen), False
            self._others = sizes.keys() - {self._chosen}

    def _let_lead(self, leader: int) -> None:
        """Another one is the nearest once they have been so clearly for a while; at once where the choice is new, for
        not all faces were found then."""
        sizes = self._bodies.sizes
        self._since += 1
        self._leading = self._leading + 1 if sizes[leader] > LEAD * sizes[self._chosen] else 0
        if self._leading >= LEAD_FRAMES or (self._leading and self._since < LEAD_FRAMES):
            self._chosen, self._leading = leader, 0

    def _picked(self) -> int:
        """Whom to choose now that nobody is."""
        who, x, y = self._asked
        sizes = self._bodies.sizes
        if who == NEAREST:
            self._since = 0
            return max(sizes, key=sizes.get, default=NOBODY)
        picked = self._nearest_to(x, y, REACH if self._waits or self._last_seen else np.inf)
        self._waits = picked == NOBODY
        return picked

    def _nearest_to(self, x: float, y: float, reach: float, others: Set[int] = frozenset()) -> int:
        """Whose body is nearest to a place (shares of the picture), no farther than a share of its height; none of the
        others."""
        labels = np.where(np.isin(self._bodies.labels, list(others)), NOBODY, self._bodies.labels)
        rows, columns = np.nonzero(labels)
        if not len(rows):
            return NOBODY
        high, wide = labels.shape
        far_px = np.hypot(columns + 0.5 - x * wide, rows + 0.5 - y * high)
        nearest = far_px.argmin()
        return int(labels[rows[nearest], columns[nearest]]) if far_px[nearest] <= reach * high else NOBODY

    def _middle_of(self, number: int) -> tuple[float, float]:
        rows, columns = np.nonzero(self._bodies.labels == number)
        high, wide = self._bodies.labels.shape
        return (float(columns.mean()) / wide, float(rows.mean()) / high) if len(rows) else self._last_seen

    def _shared(self, owner: np.ndarray, shape: tuple[int, int], motion: np.ndarray | None) -> np.ndarray | None:
        """The share f32 of shape, its borders steadied by the last frame's; that alone where nobody is seen now."""
        share = self._moved(motion, owner.shape)
        if self._bodies.sizes or self._waits:
            now = (owner == self._chosen).astype(np.float32) * bool(self._bodies.sizes)
            share = now if share is None else now + KEPT * (share - now)
        self._share = None if share is None or share.min() > ALL else share
        if self._share is None:
            return None
        return cv2.blur(cv2.resize(share, shape[::-1], interpolation=cv2.INTER_LINEAR), SOFT)

    def _moved(self, motion: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray | None:
        """The last frame's share f32 of shape, moved to now."""
        if self._share is None or motion is None or self._share.shape != shape:
            return None
        return cv2.remap(self._share, *places(motion[:2], shape[::-1]), cv2.INTER_LINEAR,
                         borderMode=cv2.BORDER_REPLICATE)


def for_chosen(maps: LayerMaps, share: np.ndarray, person: np.ndarray, scene: bool) -> LayerMaps:
    """Maps whose layer shows nothing, or behind them the scene alone, where those who are not restyled are; share: see
    Whom; person f32 [h,w] 0..1: where anybody is; scene: whether the words put one behind."""
    mask = maps.mask.copy()
    if not scene:
        mask[1:] *= share
        return replace(maps, mask=mask)
    shares = maps.shares.copy()
    others = shares[SCENE] * (1.0 - np.clip(2.0 * person - 1.0, 0.0, 1.0))  # what a look uncovers stays covered
    shown = share + (1.0 - share) * others
    mixed = share * shares[SCENE] + (1.0 - share) * others
    shares[SCENE] = mixed / np.maximum(shown, 1e-6)
    mask[1:] *= shown
    return replace(maps, mask=mask, shares=shares)
