# SPDX-License-Identifier: Apache-2.0
"""The nets' layer at the fine picture's size: one frame's maps made from what the nets painted and what is seen.

Called by the refine stage, one `Refiner` a stream, on the worker's loop thread. Order: whose colours are whose
(votes.py), where cloth goes (coverage.py), what stays (kept.py, in_front.py), in which light and cut (finish.py).
Invariant: where nothing is painted, no map says otherwise but for the old garment's rest beside what is.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail import coverage
from mirage_lsd.worker.paint.detail.box_layer import INSIDE, BoxLayer, box_layer, plain
from mirage_lsd.worker.paint.detail.fine import FinePicture, box_around, fine_picture, fine_size_px, seen_from
from mirage_lsd.worker.paint.detail.finish import Finisher
from mirage_lsd.worker.paint.detail.hanging.in_front import InFront
from mirage_lsd.worker.paint.detail.hem import Hem
from mirage_lsd.worker.paint.detail.seen import kept
from mirage_lsd.worker.paint.detail.seen.sighted import FACE, Sighted, sighted
from mirage_lsd.worker.paint.detail.seen.votes import SURE, Voters, Votes, matte_of
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.layer_maps import HAIR, LOWER, SCENE, UPPER, LayerMaps
from mirage_lsd.worker.processes.side_by_side import beside, done
from mirage_lsd.worker.stages.base import Encoded
from mirage_lsd.worker.tracking.eyes.sight import Sight

SHOWN = 1.0 / 512
SOMEBODY = 0.2
DRESSED = 0.35  # share of the old garment
TORSO_M = 0.15  # of the body's surface from its middle: beyond are arms
HAIR_REACH = 0.15  # face widths that strands may be away from where the parsing sees hair
FACE_UNKNOWN_PX = 40.0


class Refiner:
    """Keeps the colours of the person, what hangs before them, and the last maps, of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self._voters, self._front, self._hem, self._finisher = Voters(), InFront(), Hem(), Finisher()

    def reset(self) -> None:
        """Another scene."""
        for part in (self._voters, self._front, self._hem, self._finisher):
            part.reset()

    def changed(self) -> None:
        """Another look, or for other people."""
        self._hem.reset()
        self._finisher.changed()

    def __call__(
        self,
        source: np.ndarray,
        working: np.ndarray,
        maps: LayerMaps,
        encoded: Encoded,
        sight: Sight,
        dyes: Dyes,
        chosen: np.ndarray | None = None,
    ) -> LayerMaps:
        """source u8 [H,W,4] BGRA, working u8 [h,w,3] RGB: the same, small; maps at the working size; chosen f32
        [h,w] 0..1: whose pixels are restyled, None: everybody's -> maps at the fine size, lit."""
        grey = cv2.cvtColor(working, cv2.COLOR_RGB2GRAY).astype(np.float32)
        alpha = np.clip(maps.mask[1] + maps.mask[2] * (grey / 255.0), 0.0, 1.0)
        face = _enlarged(encoded.regions[0, FACE], alpha.shape) if dyes.face else None
        size_px = fine_size_px(source.shape[1], source.shape[0])
        before_scene = dyes.scene is not None and not dyes.takes_place_away
        box = box_around(_near_people(alpha, maps, encoded) if before_scene else alpha > SHOWN, size_px)
        if box is None:
            return maps
        there = seen_from(box, size_px, alpha.shape)
        half = beside(partial(plain, maps, grey, alpha, encoded.person_mask[0, 0], face, there))
        picture = fine_picture(source, box)
        seen = sighted(picture, encoded, maps.surface, sight, chosen)
        matte = beside(partial(matte_of, seen))
        self._finisher.begin(picture, maps, dyes)
        self._voters.observe(seen, picture.cut(alpha * (1.0 - maps.shares[SCENE])) > SURE)
        skin_bgr = self._voters.colours.skin.bgr
        layer = box_layer(half.result(), picture, skin_bgr, dyes.open)
        votes = self._voters.votes(seen, matte.result())
        lanyard = beside(partial(self._front.lanyard, picture, seen.body))
        found = partial(_hands_and_hair, seen, votes)
        hands_and_hair = beside(found)
        self._cover(layer, seen, votes, dyes)
        stays = _kept(*done(found, hands_and_hair), layer, seen, votes, dyes)
        stays = np.maximum(stays, self._in_front(lanyard.result(), layer, seen, votes))
        layer.covered *= 1.0 - stays if seen.chosen is None else (1.0 - stays) * seen.chosen
        layer.shown *= (1.0 - stays) * (1.0 - layer.covered)
        fine = self._finisher(picture, layer, votes.matte, seen.body.face_px, maps.surface, dyes, skin_bgr)
        return _with_scene(fine, alpha, picture) if before_scene else fine

    def _cover(self, layer: BoxLayer, seen: Sighted, votes: Votes, dyes: Dyes) -> None:
        """Decides where cloth is put: layer.covered, and layer.shares along with it."""
        matte = votes.matte
        if dyes.upper is not None:
            above = np.float32(1.0)
            if not dyes.opened:
                rather = self._voters.colours.rather_cloth(seen.places)
                above = self._hem(seen.height, rather, (seen.torso < TORSO_M) & (matte > 0.5))
                layer.covered *= above
            clothed = np.maximum(seen.clothed, matte) - seen.hair * np.clip(2.0 * votes.hair, 0.0, 1.0)
            rest = np.zeros_like(matte)
            if _dressed(layer, seen) >= DRESSED:  # else the nets put nothing on, and no rest of old cloth is theirs
                rest = coverage.old_cloth(layer.covered, votes.cloth * above, clothed, votes.skin, seen.body) * matte
            bare = votes.cloth * (1.0 - votes.skin) * (seen.torso < TORSO_M) * layer.undyed
            _take_for_cloth(layer, (rest > layer.covered) | (bare > 0.2))
            layer.covered = coverage.closed(np.maximum(layer.covered, rest), seen.body.face_px)
        outside = np.clip(layer.shares[LOWER] + layer.shares[HAIR], 0.0, 1.0)
        layer.covered = coverage.grown(layer.covered, matte) * np.maximum(coverage.widened(matte), outside)

    def _in_front(self, lanyard: np.ndarray | None, layer: BoxLayer, seen: Sighted, votes: Votes) -> np.ndarray:
        """f32 [h,w] 0..1: what hangs or is held before the cloth."""
        odd = (1.0 - votes.cloth) * (1.0 - votes.skin) * (1.0 - votes.hair) * cv2.erode(votes.matte, INSIDE)
        return self._front.stays(lanyard, seen.picture, seen.body, votes.cloth, odd, layer.covered)


def _near_people(alpha: np.ndarray, maps: LayerMaps, encoded: Encoded) -> np.ndarray:
    """bool [h,w]: where somebody is, or is painted; elsewhere a scene alone is shown, which needs no refining. alpha
    f32 [h,w] 0..1: the layer's coverage."""
    parsed = _enlarged(1.0 - encoded.background, alpha.shape)
    people = np.maximum(encoded.person_mask[0, 0], parsed) > SOMEBODY
    return people | (alpha * (1.0 - maps.shares[SCENE]) > SOMEBODY)


def _with_scene(fine: LayerMaps, alpha: np.ndarray, picture: FinePicture) -> LayerMaps:
    """The fine maps, changed in place, with the scene beyond the picture's box; alpha f32 [h,w] 0..1: see above."""
    x0, y0, x1, y1 = picture.box
    far = cv2.resize(alpha, picture.size_px, interpolation=cv2.INTER_LINEAR)
    sides = np.s_[:y0, :], np.s_[y1:, :], np.s_[y0:y1, :x0], np.s_[y0:y1, x1:]
    for side in sides:
        fine.mask[1][side] = far[side]
        fine.shares[SCENE][side] = 1.0
    return fine


def _dressed(layer: BoxLayer, seen: Sighted) -> float:
    """The share of the old garment that the nets cover."""
    return float((layer.covered * seen.upper).sum() / (seen.upper.sum() + 1.0))


def _take_for_cloth(layer: BoxLayer, where: np.ndarray) -> None:
    """Makes the upper share 1 where bool [h,w], softly."""
    soft = np.clip(2.0 * cv2.blur(where.astype(np.float32), (7, 7)) - 0.5, 0.0, 1.0)
    np.maximum(layer.shares[UPPER], soft, out=layer.shares[UPPER])
    for index in (LOWER, HAIR, SCENE):
        layer.shares[index] *= 1.0 - soft


def _hands_and_hair(seen: Sighted, votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    """Two planes f32 [h,w] 0..1, for `_kept`."""
    body, reach_px = seen.body, HAIR_REACH * (seen.body.face_px or FACE_UNKNOWN_PX)
    hands = np.maximum(kept.kept_hands(body, votes.skin, votes.cloth), kept.small_skin(votes.skin, votes.cloth, body))
    return hands, kept.kept_hair(seen.hair, votes.hair, votes.cloth + votes.skin, reach_px)


def _kept(hands: np.ndarray, head: np.ndarray, layer: BoxLayer, seen: Sighted, votes: Votes, dyes: Dyes) -> np.ndarray:
    """f32 [h,w] 0..1: hands, what is bare already, and, where the words do not change them, face and hair."""
    body, shares = seen.body, layer.shares
    if not dyes.face:
        bare = np.clip(1.0 - sum(shares), 0.0, 1.0)
        hands = np.maximum(hands, np.clip(3.0 * bare * votes.skin - 0.5, 0.0, 1.0))
        head = np.maximum(head, body.face)
    return np.maximum(hands, head * (1.0 - np.clip(2.0 * shares[HAIR], 0.0, 1.0)))


def _enlarged(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR)
