# SPDX-License-Identifier: Apache-2.0
"""Nothing is painted where nobody was seen of late; who is there, and who comes back, is dressed."""
from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.paint.background.scenes import ScenePictures
from mirage_lsd.worker.paint.dye import dyes_for

SIZE_PX = 640, 360
PEOPLE = os.environ.get("MIRAGE_LSD_PEOPLE", "")
"""A folder with films (.mkv) of people, one in each, upright and not small; none are in the project."""
FILMS = sorted(Path(PEOPLE).glob("*.mkv")) if PEOPLE else [Path("none")]
FEW_FRAMES = 5


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
    pipeline, settings = host.new_pipeline(), StreamSettings(prompt=prompt, working_size="small")
    shown = [pipeline.restyle(frame, settings).copy() for frame in frames]
    pipeline.flush()
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
    from mirage_lsd.worker.tracking.person_mask import PersonMask

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


def test_a_chest_alone_is_dressed_from_the_first_frame_on(host, astronaut):
    there, _ = astronaut
    chest = np.ascontiguousarray(cv2.resize(there[200:, 130:450], SIZE_PX))
    shares = [painted(chest, shown) for shown in played(host, [chest] * 6)]
    assert min(shares) > 0.2


@pytest.mark.skipif(not PEOPLE, reason="MIRAGE_LSD_PEOPLE names no folder with films of people")
@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.stem)
def test_people_are_dressed_in_every_frame(film, host):
    video, frames = cv2.VideoCapture(str(film)), []
    while len(frames) < 24 and (read := video.read())[0]:
        frames.append(fitted(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)))
    shares = [painted(*pair) for pair in zip(frames, played(host, frames), strict=True)]
    assert min(shares) > 0.05
