# SPDX-License-Identifier: Apache-2.0
"""Nothing is painted where nobody was seen of late; who is there, and who comes back, is dressed."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.settings import StreamSettings
from mirage_lsd.worker.engine_host import EngineHost
from mirage_lsd.worker.looks import look_for
from mirage_lsd.worker.models.dye import dyes_for
from mirage_lsd.worker.models.scenes import ScenePictures
from mirage_lsd.worker.models.sightings import Sightings, close_by, unseen
from mirage_lsd.worker.restyler import Restyler

SIZE_PX = 640, 360
FEW_FRAMES = 5
ROWS, COLUMNS, CELL_PX = 12, 20, 8
CELLS = COLUMNS, ROWS
STILL = np.zeros((3, ROWS, COLUMNS), np.float32)
PLACE = slice(3, 9), slice(5, 11)  # of somebody, in cells


def fitted(picture: np.ndarray) -> np.ndarray:
    """A picture of any kind -> u8 [h,w,4] BGRA that fills the frame."""
    picture = np.dstack([picture] * 3) if picture.ndim == 2 else picture[..., :3]
    picture = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
    scale = max(SIZE_PX[0] / picture.shape[1], SIZE_PX[1] / picture.shape[0])
    large = cv2.resize(np.ascontiguousarray(picture), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (large.shape[0] - SIZE_PX[1]) // 2, (large.shape[1] - SIZE_PX[0]) // 2
    return cv2.cvtColor(large[top : top + SIZE_PX[1], left : left + SIZE_PX[0]], cv2.COLOR_RGB2BGRA)


def plain(level: int) -> np.ndarray:
    return np.full((SIZE_PX[1], SIZE_PX[0], 3), level, np.uint8)


def room() -> np.ndarray:
    """A wall, a floor, a door and a picture."""
    picture = np.repeat(np.linspace(150, 200, SIZE_PX[0]).astype(np.uint8)[None, :, None], SIZE_PX[1], 0).repeat(3, 2)
    picture[250:] = (120, 95, 70)
    picture[60:180, 420:600], picture[90:250, 60:160] = (60, 120, 60), (90, 60, 50)
    return cv2.GaussianBlur(picture, (0, 0), 2)


def chair() -> np.ndarray:
    picture = room()
    cv2.ellipse(picture, (320, 180), (75, 95), 0, 0, 360, (45, 40, 40), -1)
    cv2.rectangle(picture, (250, 230), (390, 280), (40, 35, 35), -1)
    return picture


def screen() -> np.ndarray:
    picture = np.full((360, 640, 3), 250, np.uint8)
    for line in range(18):
        cv2.putText(picture, f"{line}: the quick brown fox jumps", (40, 40 + 17 * line), 0, 0.5, (40, 40, 40), 1)
    return picture


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (360, 640, 3), np.uint8)


EMPTY = {"black": plain(0), "grey": plain(128), "white": plain(250), "noise": noise(np.random.default_rng(1)),
         "room": room(), "chair": chair(), "screen": screen()}
SHIPPED = ("brick", "grass", "gravel", "coffee", "rocket", "page", "clock", "horse", "colorwheel", "checkerboard",
           "moon")
"""Of scikit-image: walls, a lawn, things, a landscape, a page, the outline of an animal. Not its cat nor its retina:
the segmenter itself takes them for people."""


@pytest.fixture(scope="module")
def host() -> EngineHost:
    made = EngineHost()
    made.load()
    return made


def played(host: EngineHost, frames: list[np.ndarray], prompt: str = "red jacket") -> list[np.ndarray]:
    restyler, settings = Restyler(host), StreamSettings(prompt=prompt, working_size="small")
    shown = [restyler(frame, settings).copy() for frame in frames]
    restyler.close()
    return shown


def painted(source: np.ndarray, shown: np.ndarray) -> float:
    return float((cv2.absdiff(source, shown).max(2) > 12).mean())


def a_little_moved(picture: np.ndarray, count: int) -> list[np.ndarray]:
    return [cv2.warpAffine(picture, np.float32([[1, 0, 5 * np.sin(i / 8)], [0, 1, 2 * np.sin(i / 6)]]), SIZE_PX,
                           borderMode=cv2.BORDER_REFLECT) for i in range(count)]


@pytest.mark.parametrize("name", [*EMPTY, *SHIPPED])
def test_a_picture_without_people_is_not_painted(name, host):
    """From the first frame on, since a film may have but one."""
    own = EMPTY.get(name)
    picture = fitted(getattr(pytest.importorskip("skimage.data"), name)() if own is None else own)
    frames = a_little_moved(picture, 12)
    assert max(painted(*pair) for pair in zip(frames, played(host, frames), strict=True)) < 0.005


def test_a_scene_look_shows_the_scene_alone(host):
    settings = StreamSettings(prompt="beach, red jacket", working_size="small")
    dyes = dyes_for(look_for(settings).conditions, settings.seed)
    beach = ScenePictures().fitted(dyes.scene, dyes.variant, SIZE_PX)
    for picture in (room(), plain(20)):
        shown = played(host, a_little_moved(fitted(picture), 4), settings.prompt)
        assert all(np.abs(frame[..., :3].astype(int) - beach).max() <= 1 for frame in shown)


@pytest.fixture(scope="module")
def astronaut() -> tuple[np.ndarray, np.ndarray]:
    """A person before a room: u8 [h,w,4] BGRA, and the room."""
    from mirage_lsd.worker.models.person_mask import PersonMask

    person = fitted(pytest.importorskip("skimage.data").astronaut())
    mask = PersonMask()(cv2.cvtColor(person, cv2.COLOR_BGRA2RGB))
    mask = cv2.GaussianBlur((mask > 0.5).astype(np.float32), (0, 0), 1)
    empty = fitted(room())
    return (mask[..., None] * person + (1 - mask[..., None]) * empty).astype(np.uint8), empty


def test_who_leaves_leaves_nothing_and_who_comes_back_is_dressed(host, astronaut):
    there, gone = astronaut
    frames = [*a_little_moved(there, 8), *a_little_moved(gone, 20), *a_little_moved(there, 12)]
    shares = [painted(*pair) for pair in zip(frames, played(host, frames), strict=True)]
    usual = np.median(shares[2:8])
    assert usual > 0.2
    assert max(shares[8 + FEW_FRAMES : 28]) < 0.005
    assert min(shares[28 + FEW_FRAMES :]) > 0.8 * usual


@pytest.mark.parametrize("steps", [range(0, 640, 32), range(608, -32, -32)], ids=["leaves", "enters"])
def test_who_walks_out_or_in_is_dressed_while_they_are_there(host, astronaut, steps):
    there, gone = astronaut
    film = [gone if step >= 608 else np.hstack([gone[:, :step], there[:, : SIZE_PX[0] - step]]) for step in steps]
    frames = [*a_little_moved(there if steps[0] == 0 else gone, 6), *film, *[film[-1]] * 8]
    shares = [painted(*pair) for pair in zip(frames, played(host, frames), strict=True)]
    there_shares = [share for frame, share in zip(film, shares[6:], strict=False) if np.mean(frame != gone) > 0.3]
    assert min(there_shares[FEW_FRAMES:] if steps[0] else there_shares) > 0.05
    assert shares[-1] < 0.005 if steps[0] == 0 else shares[-1] > 0.2




def picture_of(level: int = 200, somebody: int = 60, place=PLACE) -> np.ndarray:
    picture = np.full((ROWS * CELL_PX, COLUMNS * CELL_PX, 3), level, np.uint8)
    rows, columns = (slice(CELL_PX * part.start, CELL_PX * part.stop) for part in place)
    picture[rows, columns] = somebody
    return picture


def mask_of(place=PLACE) -> np.ndarray:
    return (picture_of(0, 1, place)[..., 0]).astype(np.float32)


def cells_of(*places) -> np.ndarray:
    cells = np.zeros((ROWS, COLUMNS), bool)
    for place in places:
        cells[place] = True
    return cells


NOTHING = np.zeros((ROWS * CELL_PX, COLUMNS * CELL_PX), np.float32)


def sighted() -> Sightings:
    sightings = Sightings()
    sightings.follow(mask_of(), picture_of(), None, CELLS)
    return sightings


@pytest.mark.parametrize(("said", "lasts", "gone"), [(0.0, 12, 18), (0.1, 40, 60)], ids=["nobody", "doubt"])
def test_a_sighting_lasts_while_the_picture_is_the_same_longer_where_the_segmenter_doubts(said, lasts, gone):
    sightings = sighted()
    for _ in range(lasts):
        sightings.follow(NOTHING + np.float32(said), picture_of(), STILL, CELLS)
    assert np.array_equal(sightings.cells, cells_of(PLACE))
    for _ in range(gone - lasts):
        sightings.follow(NOTHING + np.float32(said), picture_of(), STILL, CELLS)
    assert not sightings.cells.any(), "but not for ever"


def test_a_sighting_ends_at_once_where_the_picture_changes_and_at_a_cut():
    left, cut = sighted(), sighted()
    left.follow(NOTHING, picture_of(somebody=200), STILL, CELLS)
    cut.follow(NOTHING, picture_of(), None, CELLS)
    assert not left.cells.any() and not cut.cells.any()


def test_a_sighting_moves_along():
    sightings, motion, aside = sighted(), STILL.copy(), (PLACE[0], slice(7, 13))
    motion[0] = -2.0
    sightings.follow(NOTHING, picture_of(place=aside), motion, CELLS)
    assert np.array_equal(sightings.cells, cells_of(aside))


def test_what_hangs_together_with_somebody_seen_is_somebody_and_the_rest_is_nobody():
    arm, rag = (slice(8, 10), slice(11, 16)), (slice(2, 6), slice(15, 19))
    nobody = unseen(cells_of(PLACE, arm, rag), sighted().cells)
    assert np.array_equal(nobody, cells_of(rag))
    assert not unseen(cells_of(PLACE, arm), sighted().cells).any()


def test_somebody_before_a_wall_that_is_taken_for_cloth_stays_and_the_wall_goes():
    """What is parsed of both hangs together, and the person is a small part of it."""
    wall, few = cells_of((slice(0, 12), slice(0, 20))), cells_of((slice(8, 12), slice(2, 5)))
    nobody = unseen(wall, few)
    assert not nobody[6:, :7].any() and nobody[:, 8:].all() and nobody[:5].all()
    alone = cells_of((slice(4, 5), slice(9, 10)))
    assert unseen(wall, alone).all(), "a single cell is no sighting"


TORSO = slice(2, 12), slice(5, 15)


def background_of(place, level: float = 0.1) -> np.ndarray:
    return np.where(cells_of(place), np.float32(level), np.float32(0.95))


def test_a_body_close_by_without_a_head_is_presumed_until_somebody_was_seen_well():
    fresh, known = Sightings(), sighted()
    known.presume(background_of(PLACE))
    known.follow(NOTHING, picture_of(somebody=120), STILL, CELLS)
    fresh.follow(NOTHING, picture_of(somebody=120), None, CELLS)
    for sightings in (fresh, known):
        sightings.presume(background_of(TORSO))
    assert np.array_equal(fresh.cells, cells_of(TORSO))
    assert not known.cells.any(), "who was there has left, and this is a chair"


@pytest.mark.parametrize("place", [(slice(6, 12), slice(0, 20)), (slice(0, 12), slice(0, 20)), (slice(0, 10), TORSO[1]),
                                   (slice(8, 12), slice(5, 15))], ids=["ground", "all", "hanging", "small"])
def test_a_wall_the_ground_and_small_things_are_no_body_close_by(place):
    assert not close_by(background_of(place)).any()
    assert not close_by(background_of(TORSO, 0.3)).any(), "nor what is parsed half-heartedly"


def test_a_chest_alone_is_dressed_from_the_first_frame_on(host, astronaut):
    there, _ = astronaut
    chest = np.ascontiguousarray(cv2.resize(there[200:, 130:450], SIZE_PX))
    shares = [painted(chest, shown) for shown in played(host, [chest] * 6)]
    assert min(shares) > 0.2
