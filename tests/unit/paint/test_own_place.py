# SPDX-License-Identifier: Apache-2.0
"""Transparent and blurred: the matte follows the source's edges and stands still, no colour of the place is left at
them, none of the person's gets into the blur; through the real stages as well."""

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.paint.background.blur import blurred_place, disc_of
from mirage_lsd.worker.paint.background.cut_out import cut_out, put_before
from mirage_lsd.worker.paint.background.matte import Matte, known_person, telling_grey
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps

SIZE_PX = WIDTH_PX, HEIGHT_PX = 320, 240
NEAR_PX = 256, 192
RED, WALL = (40, 40, 200), (180, 190, 170)


def outline(size_px=SIZE_PX) -> np.ndarray:
    """u8 [H,W]: a round person with antialiased borders."""
    scale = size_px[0] / WIDTH_PX
    large = np.zeros((4 * size_px[1], 4 * size_px[0]), np.uint8)
    cv2.circle(large, (int(640 * scale), int(480 * scale)), int(280 * scale), 255, -1)
    return cv2.resize(large, size_px, interpolation=cv2.INTER_AREA)


def frame() -> np.ndarray:
    """u8 [H,W,4]: somebody in red before a wall."""
    share = outline()[..., None] / 255.0
    color = share * RED + (1 - share) * WALL
    return np.dstack([np.rint(color), np.full(SIZE_PX[::-1], 255)]).astype(np.uint8)


def person(grown_px: int = 0) -> np.ndarray:
    """f32 [h,w]: a segmenter's soft and inexact mask."""
    mask = cv2.resize(outline(), NEAR_PX, interpolation=cv2.INTER_AREA)
    mask = cv2.dilate(mask, np.ones((1 + grown_px, 1 + grown_px), np.uint8))
    return cv2.GaussianBlur(mask, (0, 0), 3).astype(np.float32) / 255


def maps(mask: np.ndarray) -> LayerMaps:
    """A layer that shows the place where nobody is."""
    planes = np.stack([np.zeros_like(mask), np.ones_like(mask), np.zeros_like(mask)])
    shares = np.zeros((4, *mask.shape), np.float32)
    shares[SCENE] = 1 - mask
    return LayerMaps(np.zeros((3, *mask.shape), np.float32), planes, shares, np.zeros((24, 32, 2), np.float32))


def matte_of(mask: np.ndarray, edited: bool = False) -> np.ndarray:
    return Matte()(frame(), mask, maps(mask), edited)


@pytest.mark.parametrize("grown_px", [0, 4])
def test_the_matte_follows_the_sources_edge(grown_px):
    mask = person(grown_px)
    plain = cv2.resize(mask, SIZE_PX) * 255
    ours, truth = matte_of(mask).astype(float), outline().astype(float)
    assert np.abs(ours - truth).mean() < 0.35 * np.abs(plain - truth).mean()
    inside, outside = (cv2.erode(np.uint8(truth == level), np.ones((5, 5))) > 0 for level in (255, 0))
    assert ours[outside].max() < 20 and ours[inside].min() > 235


def test_what_the_layer_does_not_know_is_nobody():
    mask = person()
    mask[20:60, 10:40] = 0.9
    kept = person()
    assert known_person(mask, kept)[20:60, 10:40].max() == 0
    there = person() > 0.3
    assert np.array_equal(known_person(mask, kept)[there], mask[there])
    assert known_person(mask, np.zeros_like(mask)).max() == 0
    kept[20:24, 10:14] = mask[20:60, 10:40] = 1.0
    assert known_person(mask, kept)[40, 25] == 1.0, "somebody else"
    mask[24:60, 10:40] = 0.0
    assert known_person(mask, kept)[20:60, 10:40].max() == 0, "a speck"


def test_what_the_look_paints_beyond_the_person_is_shown_and_what_it_uncovers_is_not():
    mask, kept = person(), person()
    kept[80:110, 200:230], kept[80:110, 60:90] = 1.0, 0.0
    ours = Matte()(frame(), mask, maps(kept), True)
    at = [ours[round(95 * 1.25), round(x * 1.25)] for x in (215, 75)]
    assert at[0] > 230 and at[1] < 25


def test_a_mask_that_trembles_does_not_make_a_still_picture_flicker():
    rng, matte, seen = np.random.default_rng(2), Matte(), []
    masks = [np.clip(person() + rng.normal(0, 0.15, NEAR_PX[::-1]).astype(np.float32), 0, 1) for _ in range(12)]
    for mask in masks:
        seen.append(matte(frame(), mask, maps(mask), False).astype(float))
    plain = np.mean([np.abs(one - other).mean() * 255 for one, other in zip(masks, masks[1:], strict=False)])
    assert np.mean([np.abs(one - other).mean() for one, other in zip(seen[4:], seen[5:], strict=False)]) < 0.1 * plain


def test_the_grey_that_tells_them_apart_ignores_what_they_share():
    """Somebody yellow before a wall that is as bright: blue tells."""
    picture = np.full((120, 160, 4), (230, 230, 230, 255), np.uint8)
    plane = np.zeros((120, 160), np.float32)
    plane[30:, 50:110] = 1.0
    picture[plane > 0] = (40, 225, 235, 255)
    weights = telling_grey(picture, plane)
    assert abs(weights[0]) > 0.8
    assert telling_grey(picture, np.zeros_like(plane)) is None


def test_no_rim_of_the_place_is_seen_over_another_one():
    shown = cut_out(frame(), outline(), 1.0)
    assert (shown[outline() == 255] == frame()[outline() == 255]).all()
    edge = (shown[..., 3] > 0) & (shown[..., 3] < 255)
    assert np.abs(shown[edge][:, :3].astype(int) - RED).max() <= 6
    assert (shown[:20] == 0).all(), "what is wholly transparent tells nothing of the room"


def test_strength_makes_it_half_transparent_and_none_at_all():
    assert np.array_equal(cut_out(frame(), outline(), 0.0), frame())
    half = cut_out(frame(), outline(), 0.5)
    assert (half[:20, :, 3] == 128).all() and (half[:20, :, :3] == WALL).all()
    keyed = frame()
    keyed[..., 3] = 100
    assert cut_out(keyed, outline(), 1.0)[120, 160, 3] == 100


def test_the_place_is_blurred_without_the_person():
    place = blurred_place(frame(), outline(), person(), 1.0)
    assert place.shape == (HEIGHT_PX, WIDTH_PX, 4) and (place[..., 3] == 255).all()
    assert np.abs(place[..., :3].astype(int) - WALL).max() <= 3, "the wall is plain: nobody glows around themselves"
    shown = put_before(frame(), outline(), place, 1.0)
    assert (shown[outline() == 255] == frame()[outline() == 255]).all() and (shown[..., 3] == 255).all()
    assert np.array_equal(put_before(frame(), outline(), place, 0.0), frame())


def test_everybody_and_nobody_are_pictures_too():
    for level in (0, 255):
        matte = np.full(SIZE_PX[::-1], level, np.uint8)
        place = blurred_place(frame(), matte, np.full(NEAR_PX[::-1], level / 255, np.float32), 0.5)
        assert place.dtype == np.uint8
        assert cut_out(frame(), matte, 1.0)[..., 3].min() == level
        put_before(frame(), matte, place, 1.0)


def test_a_lamp_becomes_a_disc():
    disc = disc_of(6.0)
    assert disc.sum() == pytest.approx(1.0, abs=1e-5) and disc.shape == (13, 13)
    assert disc[6, 6] == disc[6, 10] and disc[0, 0] == 0


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """u8 [360,640,4] BGRA."""
    picture = pytest.importorskip("skimage.data").astronaut()[:288, :, ::-1]
    return cv2.cvtColor(cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2BGRA)


@pytest.fixture(scope="module")
def shown(photo):
    host = EngineHost()
    host.load()

    def through(words: str, strength: float = 1.0, source: np.ndarray = photo) -> np.ndarray:
        pipeline, settings = host.new_pipeline(live=False), StreamSettings(prompt=words, strength=strength)
        for _ in range(3):
            picture = pipeline.restyle(source, settings)
        pipeline.flush()
        return picture.copy()

    return through


FACE, CORNER = (slice(60, 110), slice(250, 310)), (slice(0, 60), slice(420, 520))


def test_the_person_alone_comes_out_of_the_real_stages(photo, shown):
    picture = shown("transparent")
    assert np.array_equal(picture[FACE], photo[FACE])
    assert (picture[CORNER] == 0).all()
    assert 0.2 < (picture[..., 3] > 128).mean() < 0.7


def test_a_garment_and_a_light_go_with_it(photo, shown):
    picture = shown("remove background, green hoodie, sunset light")
    assert (picture[CORNER][..., 3] == 0).all() and (picture[FACE][..., 3] == 255).all()
    blue, green, red = picture[300:350, 250:330, :3].astype(int).reshape(-1, 3).mean(0)
    assert green > red and green > blue


def test_blurred_keeps_the_person_and_softens_the_rest(photo, shown):
    picture = shown("blurred background")
    assert np.array_equal(picture[FACE], photo[FACE]) and (picture[..., 3] == 255).all()
    sharp, soft = (cv2.Laplacian(cv2.cvtColor(one, cv2.COLOR_BGRA2GRAY), cv2.CV_32F)[:340, 470:600].std()
                   for one in (photo, picture))
    assert soft < 0.25 * sharp


def test_without_strength_it_is_the_source(photo, shown):
    for words in ("transparent", "blurred", "transparent, red hoodie"):
        assert np.array_equal(shown(words, 0.0), photo)


def test_what_was_keyed_stays_keyed(photo, shown):
    keyed = photo.copy()
    keyed[:, :200, 3] = 0
    assert (shown("transparent", source=keyed)[:, :190, 3] == 0).all()
    assert np.array_equal(shown("blurred", source=keyed)[..., 3], keyed[..., 3])


def test_where_nobody_is_nothing_is_left(shown):
    wall = np.full((360, 640, 4), (150, 160, 170, 255), np.uint8)
    assert (shown("transparent", source=wall) == 0).all()
