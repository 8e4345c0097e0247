# SPDX-License-Identifier: Apache-2.0
"""The nets' layer at the fine picture's size: one frame's maps made from what the nets painted and what is seen.

Called by the refine stage, one `Refiner` a stream, on the worker's loop thread. Order: whose colours are whose, what
stays, where cloth goes, in which plain colour, in which light. Invariant: where nothing is painted, no map says
otherwise but for the old garment's rest beside what is.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.matte import EVEN, SLOWLY, as_transform, telling_grey
from mirage_lsd.worker.paint.detail import base_layer, coverage, folds, kept
from mirage_lsd.worker.paint.detail.colours import PersonColours, table_places
from mirage_lsd.worker.paint.detail.fine import FinePicture, fine_picture
from mirage_lsd.worker.paint.garments.worn import Drawn, Wardrobe
from mirage_lsd.worker.paint.guided import guided
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.layer_band import HAIR, LOWER, SCENE, UPPER, ClothLight, LayerMaps, Rim
from mirage_lsd.worker.stages.base import Encoded
from mirage_lsd.worker.tracking.eyes.sight import Sight

REGION_HAIR, REGION_UPPER, REGION_LOWER = 3, 4, 5  # of config.REGIONS
SURE, SURELY_SOMEBODY = 0.7, 0.8
SHOWN = 1.0 / 512
INSIDE = np.ones((5, 5), np.uint8)  # working pixels: at outlines the nets mix cloth with what they uncover
MATTE_RADIUS_PX, MATTE_EPS = 6, 5e-4
BARE_TRUST = 0.4  # of the light of what lay there, skin that is painted over cloth takes so much
BARE, SKIN_COLOURED = 0.3, 0.4  # likeness to skin; share of such pixels from which on cloth is skin-coloured
TORSO_M = 0.15  # of the body's surface from its middle: beyond are arms
DECIDED = 5.0  # times as steep: half bare, half covered, skin and cloth would be airbrushed
HAIR_REACH = 0.15  # face widths that strands may be away from where the parsing sees hair


class Refiner:
    """Keeps the colours of the person of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self._colours, self._wardrobe = PersonColours(), Wardrobe()
        self._grey: np.ndarray | None = None

    def reset(self) -> None:
        """Another scene."""
        self._colours.reset()
        self._wardrobe.reset()
        self._grey = None

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
        picture = fine_picture(source, alpha > SHOWN)
        if picture is None:
            return maps
        body = kept.body_of(sight, picture)
        person = picture.cut(encoded.person_mask[0, 0] * (1.0 if chosen is None else chosen))
        regions = {name: picture.cut(encoded.regions[0, place]) for name, place in
                   (("hair", REGION_HAIR), ("upper", REGION_UPPER), ("lower", REGION_LOWER))}  # fmt: skip
        regions["clothed"] = 1.0 - picture.cut(encoded.regions[0, [0, 2, 3]].sum(0))
        places = table_places(picture.lab)
        self._observe(picture, places, body, person, regions)
        scene = maps.shares[SCENE]
        inside = alpha * (1.0 - scene) * cv2.erode(encoded.person_mask[0, 0], INSIDE)
        layer, bare_skin = self._plain(maps, grey, inside)
        covered, shown = picture.cut(alpha * (1.0 - scene)), picture.cut(alpha * scene)
        torso = np.abs(picture.cut(maps.surface[..., 0]))
        shares = [np.clip(DECIDED * (picture.cut(share) - 0.5) + 0.5, 0.0, 1.0)
                  for share in base_layer.spread_shares(maps.shares, inside)]
        planes = [picture.cut(plane) for plane in layer]
        covered, stays, matte = self._covered(picture, places, body, person, regions, covered, torso, picture.cut(bare_skin), shares, dyes)
        shown = shown * (1.0 - stays) * (1.0 - covered)
        return self._fine_maps(picture, maps, planes, shares, covered, shown, body, matte, dyes)

    def _observe(self, picture: FinePicture, places: np.ndarray, body: kept.Body, person: np.ndarray, regions: dict) -> None:
        """Whose colours are whose: where the nets are sure, away from hands and faces."""
        elsewhere = (cv2.dilate(body.flesh | body.face, np.ones((9, 9), np.uint8)) == 0) & (person > SURELY_SOMEBODY)
        bare = self._colours.skin.likeness(picture.lab) > BARE
        sure = {}
        for name, region in (("cloth", "upper"), ("lower", "lower"), ("hair", "hair")):
            where = (regions[region] > SURE) & elsewhere
            if np.count_nonzero(where & bare) < SKIN_COLOURED * np.count_nonzero(where):
                where &= ~bare  # else it is the cloth that has skin's colour
            sure[name] = where.astype(np.uint8)
        self._colours.observe(picture.lab, places, body.inner, sure)

    def _plain(self, maps: LayerMaps, grey: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The layer at the working size without the nets' own detail, f32 [3,h,w] BGR, and where it is bare skin, f32
        [h,w] 0..1; inside f32 [h,w] 0..1: where the nets paint, away from outlines."""
        scene, dyed = maps.shares[SCENE], np.clip(maps.shares[:SCENE].sum(0), 0.0, 1.0)
        layer = maps.layer + maps.mask[0] * grey
        plain = base_layer.plain_layer(layer, inside, dyed)
        bare = np.clip(1.0 - dyed - scene, 0.0, 1.0) * inside
        return base_layer.own_skin(plain, bare, self._colours.skin.bgr)

    def _covered(self, picture: FinePicture, places: np.ndarray, body: kept.Body, person: np.ndarray, regions: dict, covered: np.ndarray, torso: np.ndarray, bare_skin: np.ndarray,
                 shares: list[np.ndarray], dyes: Dyes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """Where cloth, hair or bare skin is put, where nothing may be, and where the person is, f32 [h,w] 0..1; `shares` grow along with it."""
        colours = self._colours
        skin = colours.skin.likeness(picture.lab)
        worn, strands = (table.frequency(places) for table in (colours.cloth, colours.hair))
        matte = np.clip(2.5 * guided(picture.grey, person, MATTE_RADIUS_PX, MATTE_EPS) - 0.5, 0.0, 1.0)
        if dyes.upper is not None:
            own = worn * colours.rather_cloth(places)
            rest = coverage.old_cloth(covered, own, regions["clothed"], skin, body) * matte
            bare = worn * (1.0 - skin) * (torso < TORSO_M) * bare_skin
            grows = (rest > covered) | (bare > 0.5)
            grows = np.clip(2.0 * cv2.blur(grows.astype(np.float32), (7, 7)) - 0.5, 0.0, 1.0)
            np.maximum(shares[UPPER], grows, out=shares[UPPER])
            for index in (LOWER, HAIR, SCENE):
                shares[index] *= 1.0 - grows
            covered = coverage.closed(np.maximum(covered, rest), body.face_px)
        outside = np.clip(shares[LOWER] + shares[HAIR], 0.0, 1.0)
        covered = coverage.grown(covered, matte) * np.maximum(coverage.widened(matte), outside)
        stays = self._kept(body, regions, covered, shares, skin, worn, strands)
        return covered * (1.0 - stays), stays, matte

    def _kept(self, body, regions, covered, shares, skin, worn, strands) -> np.ndarray:
        hands = np.maximum(kept.kept_hands(body, skin, worn), kept.small_skin(skin * (1.0 - worn), body))
        reach_px = HAIR_REACH * (body.face_px or 40.0)
        hair = kept.kept_hair(regions["hair"], strands, worn + skin, reach_px)
        hair_changes = np.clip(2.0 * shares[HAIR], 0.0, 1.0)
        return np.maximum(hands, np.maximum(hair, body.face) * (1.0 - hair_changes))

    def _guide(self, bgr: np.ndarray, covered: np.ndarray) -> np.ndarray:
        """f32 [1,5] for cv2.transform of BGRA: the grey in which what is covered differs most from what is beside it,
        slowly changing."""
        now = telling_grey(bgr, covered)
        if now is not None:
            self._grey = now if self._grey is None else self._grey + SLOWLY * (now - self._grey)
        return as_transform(EVEN if self._grey is None else self._grey)

    def _fine_maps(self, picture, maps, planes, shares, covered, shown, body, matte, dyes) -> LayerMaps:
        total = np.clip(covered + shown, 0.0, 1.0)
        guide = self._guide(picture.bgr, total)
        offset, slope = coverage.edge_coefficients(cv2.transform(picture.bgr, guide[:, [0, 1, 2, 4]]), total)
        mean, trust = folds.light_maps(picture.grey, covered, body.face_px)
        dyed = np.clip(shares[UPPER] + shares[LOWER] + shares[HAIR], 0.0, 1.0)
        trust = np.maximum(trust, shares[HAIR]) * (BARE_TRUST + (1.0 - BARE_TRUST) * dyed)
        trust *= cv2.blur(cv2.erode(matte, np.ones((7, 7), np.uint8)), (5, 5))  # an outline's own shadow is no fold
        drawn = self._wardrobe(picture, maps.surface, dyes, planes, shares[UPPER], covered, trust, self._colours.skin.bgr)
        shares[SCENE] = shown / np.maximum(total, 1e-3)
        share, behind = coverage.rim_of(picture.bgr, matte)
        whole = _Whole(picture)
        return LayerMaps(
            layer=np.stack([whole(plane) for plane in planes]),
            mask=np.stack([whole(None), whole(offset), whole(slope)]),
            shares=np.stack([whole(share) for share in shares]),
            surface=maps.surface,
            light=ClothLight(whole(mean), whole(trust)),
            guide=guide,
            rim=Rim(whole(share), whole(behind)),
            drawn=drawn and Drawn(whole(drawn.factor), whole(drawn.decal), drawn.sheen),
        )


class _Whole:
    """Puts planes of the box into planes of the whole fine picture, 0 elsewhere."""

    def __init__(self, picture: FinePicture) -> None:
        self._picture = picture

    def __call__(self, plane: np.ndarray | None) -> np.ndarray:
        deep = () if plane is None else plane.shape[2:]
        whole = np.zeros((*self._picture.size_px[::-1], *deep), np.float32 if plane is None else plane.dtype)
        if plane is not None:
            x0, y0, x1, y1 = self._picture.box
            whole[y0:y1, x0:x1] = plane
        return whole
