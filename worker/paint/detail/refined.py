# SPDX-License-Identifier: Apache-2.0
"""The nets' layer at the fine picture's size: one frame's maps made from what the nets painted and what is seen.

Called by the refine stage, one `Refiner` a stream, on the worker's loop thread. Order: whose colours are whose, what
stays, where cloth goes, in which plain colour, in which light. Invariant: where nothing is painted, no map says
otherwise but for the old garment's rest beside what is.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.matte import EVEN, SLOWLY, as_transform, telling_grey
from mirage_lsd.worker.paint.detail import base_layer, coverage, folds, kept
from mirage_lsd.worker.paint.detail.colours import PersonColours, table_places
from mirage_lsd.worker.paint.detail.fine import FinePicture, fine_picture
from mirage_lsd.worker.paint.detail.in_front import InFront
from mirage_lsd.worker.paint.detail.steadied import Steadied
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.garments.worn import Wardrobe
from mirage_lsd.worker.paint.guided import guided
from mirage_lsd.worker.paint.layer_band import HAIR, LOWER, SCENE, UPPER, ClothLight, Drawn, LayerMaps, Rim
from mirage_lsd.worker.processes.side_by_side import beside, in_parallel
from mirage_lsd.worker.stages.base import Encoded
from mirage_lsd.worker.tracking.eyes.sight import Sight

REGION_HAIR, REGION_UPPER, REGION_LOWER = 3, 4, 5  # of config.REGIONS
SURE, SURELY_SOMEBODY = 0.7, 0.8
SHOWN = 1.0 / 512
INSIDE = np.ones((5, 5), np.uint8)  # working pixels: at outlines the nets mix cloth with what they uncover
MATTE_RADIUS_PX, MATTE_EPS = 6, 5e-4
BARE_TRUST = 0.4  # of the light of what lay there, skin that is painted over cloth takes so much
BARE, SKIN_COLOURED = 0.3, 0.4  # likeness to skin; share of such pixels from which on cloth is skin-coloured
OPENING_M = 0.09  # of an open jacket: there the old garment is what is worn under it
HEM_M = 0.17  # up to this height of the body's surface trousers may reach
TORSO_M = 0.15  # of the body's surface from its middle: beyond are arms
DECIDED = 5.0  # times as steep: half bare, half covered, skin and cloth would be airbrushed
HAIR_REACH = 0.15  # face widths that strands may be away from where the parsing sees hair


class Refiner:
    """Keeps the colours of the person of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self._colours, self._wardrobe, self._front = PersonColours(), Wardrobe(), InFront()
        self._grey: np.ndarray | None = None
        self._steadied = Steadied()

    def reset(self) -> None:
        """Another scene."""
        self._colours.reset()
        self._front.reset()
        self._wardrobe.reset()
        self._grey = None
        self._steadied.reset()

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
        scene = maps.shares[SCENE]
        inside = alpha * (1.0 - scene) * cv2.erode(encoded.person_mask[0, 0], INSIDE)
        spread = beside(lambda: self._plain(maps, grey, inside))
        picture = fine_picture(source, alpha > SHOWN)
        if picture is None:
            return maps
        body = kept.body_of(sight, picture)
        person = picture.cut(encoded.person_mask[0, 0] * (1.0 if chosen is None else chosen))
        regions = {name: picture.cut(encoded.regions[0, place]) for name, place in
                   (("hair", REGION_HAIR), ("upper", REGION_UPPER), ("lower", REGION_LOWER))}  # fmt: skip
        regions["clothed"] = 1.0 - picture.cut(encoded.regions[0, [0, 2]].sum(0))
        places = table_places(picture.lab)
        self._observe(picture, places, body, person, regions, picture.cut(alpha * (1.0 - scene)) > SURE)
        spread_shares, dyed, plain = spread.result()
        layer, bare_skin = base_layer.own_skin(
            plain, np.clip(1.0 - dyed - scene, 0.0, 1.0), inside, self._colours.skin.bgr
        )
        bare = bare_skin if dyes.open else 1.0 - dyed
        covered, shown = picture.cut(alpha * (1.0 - scene)), picture.cut(alpha * scene)
        torso, height = np.abs(picture.cut(maps.surface[..., 0])), picture.cut(maps.surface[..., 1])
        shares = [np.clip(DECIDED * (picture.cut(share) - 0.5) + 0.5, 0.0, 1.0)
                  for share in spread_shares]
        planes = [picture.cut(plane) for plane in layer]
        covered, stays, matte = self._covered(picture, places, body, person, regions, covered, torso, height, picture.cut(bare), shares, dyes)
        shown = shown * (1.0 - stays) * (1.0 - covered)
        return self._fine_maps(
            picture, maps, planes, shares, covered, shown, body, matte, picture.cut(bare_skin), dyes
        )

    def _observe(self, picture: FinePicture, places: np.ndarray, body: kept.Body, person: np.ndarray, regions: dict,
                 covered: np.ndarray) -> None:  # fmt: skip
        """Whose colours are whose: where the nets are sure, away from hands and faces."""
        elsewhere = (cv2.dilate(body.occupied, np.ones((9, 9), np.uint8)) == 0) & (person > SURELY_SOMEBODY)
        skin = (self._colours.skin.likeness(picture.lab) > BARE).astype(np.uint8)
        bare = cv2.dilate(skin, np.ones((9, 9), np.uint8)) > 0
        below = np.maximum.accumulate(covered, axis=0) & ~covered
        sure = {}
        for name, there in (("cloth", (regions["upper"] > SURE) & covered), ("hair", regions["hair"] > SURE),
                            ("lower", (regions["upper"] + regions["lower"] > SURE) & below)):  # fmt: skip
            where = there & elsewhere
            if np.count_nonzero(where & (skin > 0)) < SKIN_COLOURED * np.count_nonzero(where):
                where &= ~bare  # else it is the cloth that has skin's colour
            sure[name] = where.astype(np.uint8)
        self._colours.observe(picture.lab, places, body.inner, sure)

    def _plain(
        self, maps: LayerMaps, grey: np.ndarray, inside: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The shares f32 [4,h,w] also beside what is painted, what takes a dye f32 [h,w] 0..1, and the layer at the
        working size without the nets' own detail, f32 [3,h,w] BGR; inside f32 [h,w] 0..1: where the nets paint, away
        from outlines."""
        shares = base_layer.spread_shares(maps.shares, inside)
        dyed = np.clip(shares[:SCENE].sum(0), 0.0, 1.0)
        return shares, dyed, base_layer.plain_layer(maps.layer + maps.mask[0] * grey, inside, dyed)

    def _covered(self, picture: FinePicture, places: np.ndarray, body: kept.Body, person: np.ndarray, regions: dict, covered: np.ndarray, torso: np.ndarray, height: np.ndarray, undyed: np.ndarray,
                 shares: list[np.ndarray], dyes: Dyes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """Where cloth, hair or bare skin is put, where nothing may be, and where the person is, f32 [h,w] 0..1; `shares` grow along with it."""
        colours = self._colours
        skin, guided_person, lanyard, worn, strands = in_parallel([
            partial(colours.skin.likeness, picture.lab),
            partial(guided, picture.grey, person, MATTE_RADIUS_PX, MATTE_EPS),
            partial(self._front.lanyard, picture, body),
            partial(colours.cloth.frequency, places),
            partial(colours.hair.frequency, places),
        ])  # fmt: skip
        seen = beside(partial(_seen, body, regions["hair"], skin, worn, strands))
        matte = np.clip(2.5 * guided_person - 0.5, 0.0, 1.0)
        if dyes.upper is not None:
            rather = np.float32(1.0)
            if not dyes.opened:
                rather = coverage.together(colours.rather_cloth(places), body.face_px)
            covered = covered * np.maximum(rather, np.clip((height - HEM_M) * 20.0 + 0.5, 0.0, 1.0))
            own = worn * rather
            clothed = np.maximum(regions["clothed"], matte) - regions["hair"] * np.clip(2.0 * strands, 0.0, 1.0)
            rest = coverage.old_cloth(covered, own, clothed, skin, body) * matte
            if dyes.open:
                rest = rest * (torso > OPENING_M)
            bare = worn * (1.0 - skin) * (torso < TORSO_M) * undyed
            grows = (rest > covered) | (bare > 0.2)
            grows = np.clip(2.0 * cv2.blur(grows.astype(np.float32), (7, 7)) - 0.5, 0.0, 1.0)
            np.maximum(shares[UPPER], grows, out=shares[UPPER])
            for index in (LOWER, HAIR, SCENE):
                shares[index] *= 1.0 - grows
            covered = coverage.closed(np.maximum(covered, rest), body.face_px)
        outside = np.clip(shares[LOWER] + shares[HAIR], 0.0, 1.0)
        covered = coverage.grown(covered, matte) * np.maximum(coverage.widened(matte), outside)
        stays = _kept(*seen.result(), body, shares, skin)
        odd = (1.0 - worn) * (1.0 - skin) * (1.0 - strands) * cv2.erode(matte, INSIDE)
        stays = np.maximum(stays, self._front.stays(lanyard, picture, body, worn, odd, covered))
        return covered * (1.0 - stays), stays, matte

    def _guide(self, bgr: np.ndarray, covered: np.ndarray) -> np.ndarray:
        """f32 [1,5] for cv2.transform of BGRA: the grey in which what is covered differs most from what is beside it,
        slowly changing."""
        now = telling_grey(bgr, covered)
        if now is not None:
            self._grey = now if self._grey is None else self._grey + SLOWLY * (now - self._grey)
        return as_transform(EVEN if self._grey is None else self._grey)

    def _fine_maps(self, picture, maps, planes, shares, covered, shown, body, matte, skin, dyes) -> LayerMaps:
        whole, total = _Whole(picture), np.clip(covered + shown, 0.0, 1.0)
        looked_up = beside(partial(self._wardrobe.looked_up, picture, maps.surface, dyes, shares[UPPER]))
        early = beside(lambda: Rim(*map(whole, coverage.rim_of(picture.bgr, matte))))
        mean, trust = folds.light_maps(picture.grey, covered, body.face_px)
        trust = _trusted(trust, shares, matte, skin)
        drawn = self._wardrobe(
            looked_up.result(), dyes, planes, shares[UPPER], covered, trust, self._colours.skin.bgr
        )
        held = self._steadied(picture, [total, mean, trust, *planes, *shares[:SCENE]])
        (total, mean, trust), planes, shares = held[:3], held[3:6], [*held[6:], shown / np.maximum(held[0], 1e-3)]
        rim = early.result()
        (mask, guide), (layer, shares, light) = in_parallel([
            partial(self._mask, picture, total, whole),
            lambda: (whole.many(planes), whole.many(shares), ClothLight(whole(mean), whole(trust))),
        ])  # fmt: skip
        drawn = drawn and Drawn(whole(drawn.factor), whole(drawn.decal), drawn.sheen)
        return LayerMaps(layer, mask, shares, maps.surface, light, rim, guide, drawn)

    def _mask(self, picture: FinePicture, total: np.ndarray, whole: _Whole) -> tuple[np.ndarray, np.ndarray]:
        """LayerMaps' mask and guide, for what is covered, total f32 [h,w] 0..1."""
        guide = self._guide(picture.bgr, total)
        offset, slope = coverage.edge_coefficients(cv2.transform(picture.bgr, guide[:, [0, 1, 2, 4]]), total)
        return whole.many([None, offset, slope]), guide


def _seen(
    body: kept.Body, region: np.ndarray, skin: np.ndarray, worn: np.ndarray, strands: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Hands and hair, f32 [h,w] 0..1; region: the parsing's hair; skin, worn, strands: likeness."""
    hands = np.maximum(kept.kept_hands(body, skin, worn), kept.small_skin(skin, worn, body))
    return hands, kept.kept_hair(region, strands, worn + skin, HAIR_REACH * (body.face_px or 40.0))


def _kept(
    hands: np.ndarray, hair: np.ndarray, body: kept.Body, shares: list[np.ndarray], skin: np.ndarray
) -> np.ndarray:
    """f32 [h,w] 0..1: what stays of the person: see `_seen`."""
    bare = np.clip(1.0 - shares[UPPER] - shares[LOWER] - shares[HAIR] - shares[SCENE], 0.0, 1.0)
    hands = np.maximum(hands, np.clip(3.0 * bare * skin - 0.5, 0.0, 1.0))  # bare already
    hair_changes = np.clip(2.0 * shares[HAIR], 0.0, 1.0)
    return np.maximum(hands, np.maximum(hair, body.face) * (1.0 - hair_changes))


def _trusted(trust: np.ndarray, shares: list[np.ndarray], matte: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """How far the source's light is believed, f32 [h,w] 0..1: less on painted skin, f32 [h,w], and at outlines, whose
    own shadow is no fold."""
    trust = np.maximum(trust, shares[HAIR]) * (1.0 - (1.0 - BARE_TRUST) * skin)
    trust *= cv2.blur(cv2.erode(matte, np.ones((7, 7), np.uint8)), (5, 5))
    return trust


class _Whole:
    """Puts planes of the box into planes of the whole fine picture, 0 elsewhere."""

    def __init__(self, picture: FinePicture) -> None:
        x0, y0, x1, y1 = picture.box
        self._box, self._shape = (slice(y0, y1), slice(x0, x1)), picture.size_px[::-1]

    def __call__(self, plane: np.ndarray) -> np.ndarray:
        whole = np.zeros((*self._shape, *plane.shape[2:]), plane.dtype)
        whole[self._box] = plane
        return whole

    def many(self, planes: list[np.ndarray | None]) -> np.ndarray:
        """f32 [n,H,W] of planes f32 [h,w], None for 0."""
        whole = np.zeros((len(planes), *self._shape), np.float32)
        for target, plane in zip(whole, planes, strict=True):
            if plane is not None:
                target[self._box] = plane
        return whole
