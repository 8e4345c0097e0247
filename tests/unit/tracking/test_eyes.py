# SPDX-License-Identifier: Apache-2.0
"""Faces of a photograph that installs with scikit-image and drawn hands: found, followed, carried and forgotten."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hand_pictures import hand_picture

from mirage_lsd.worker.models.weights import WeightsError
from mirage_lsd.worker.stages.base import FrameMotion
from mirage_lsd.worker.tracking.eyes import eyes as schedule
from mirage_lsd.worker.tracking.eyes import tflite
from mirage_lsd.worker.tracking.eyes.carry import HELD_FRAMES, carried, moved_points
from mirage_lsd.worker.tracking.eyes.eyes import Eyes
from mirage_lsd.worker.tracking.eyes.sight import FACE_POINTS, HAND_POINTS, Hand, Sight

FACE_BOX = np.float32([[178, 72], [272, 175]])  # of the astronaut's face by MediaPipe itself: left top, right bottom
SIZE_PX = (640, 360)
CELLS = (24, 40)
SOURCE = np.full((360, 640, 4), 90, np.uint8)
SOON_FRAMES = 60


def astronaut() -> np.ndarray:
    """uint8 [512, 512, 4] BGRA."""
    return cv2.cvtColor(pytest.importorskip("skimage.data").astronaut(), cv2.COLOR_RGB2BGRA)


def box(points: np.ndarray) -> np.ndarray:
    return np.stack([points.min(0), points.max(0)])


def hands_at(*places_px: tuple[int, int]) -> np.ndarray:
    """uint8 [360, 640, 4] BGRA with open hands."""
    picture = hand_picture("no_hand", 1)
    for x, y in places_px:
        half = np.s_[max(y - 100, 0) : y + 100, max(x - 100, 0) : x + 100]
        picture[half] = hand_picture("open_palm", 180, 1, (x, y))[half]
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA)


def motion(x_cells: float, y_cells: float = 0.0) -> FrameMotion:
    """Everything has moved so many cells to the right and down."""
    flow = np.broadcast_to(np.float32([-x_cells, -y_cells]).reshape(1, 2, 1, 1), (1, 2, *CELLS))
    grey = np.zeros((192, 320), np.uint8)
    return FrameMotion(flow, np.zeros((1, 1, *CELLS), np.float32), grey, grey)


def hand_of(x: float, y: float, held_frames: int = 0) -> Hand:
    points = np.random.default_rng(1).uniform(-40, 40, (HAND_POINTS, 2)).astype(np.float32)
    return Hand(points + np.float32([x, y]), 0.9, held_frames)


def test_a_face_is_found_exactly_and_nothing_else():
    sight = Eyes()(astronaut())
    (face,) = sight.faces
    assert face.points_px.shape == (FACE_POINTS, 2) and face.points_px.dtype == np.float32 and face.presence > 0.9
    np.testing.assert_allclose(box(face.points_px), FACE_BOX, atol=5)
    assert not sight.hands


@pytest.mark.parametrize("turned_degrees", [-20, 20])
def test_a_turned_face_is_the_same_face_turned(turned_degrees):
    turn = cv2.getRotationMatrix2D((217, 130), turned_degrees, 1.0)
    (straight,), (turned,) = (Eyes()(picture).faces for picture in (astronaut(), cv2.warpAffine(
        astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)))
    wanted = straight.points_px @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(turned.points_px - wanted, axis=1).mean() < 5


def test_a_mirrored_face_is_found_in_its_place():
    (face,) = Eyes()(astronaut()[:, ::-1].copy()).faces
    wanted = np.float32([[512 - FACE_BOX[1, 0], FACE_BOX[0, 1]], [512 - FACE_BOX[0, 0], FACE_BOX[1, 1]]])
    np.testing.assert_allclose(box(face.points_px), wanted, atol=5)


def test_two_people_are_two_faces_and_each_is_one():
    eyes, picture = Eyes(), np.hstack([astronaut(), astronaut()])
    for _ in range(schedule.FACES_EVERY * 4):
        sight = eyes(picture)
        assert len(sight.faces) == 2
    apart = sight.faces[0].points_px.mean(0) - sight.faces[1].points_px.mean(0)
    np.testing.assert_allclose(np.abs(apart), (512, 0), atol=4)


@pytest.mark.parametrize("left_px", [20, 210, 400])
def test_a_face_of_forty_pixels_is_found_in_a_wide_picture(left_px):
    picture = np.full((360, 640, 4), 90, np.uint8)
    small = cv2.resize(astronaut(), None, fx=0.43, fy=0.43, interpolation=cv2.INTER_AREA)
    picture[360 - small.shape[0] :, left_px : left_px + small.shape[1]] = small
    eyes = Eyes()
    (face,) = next(found for found in (eyes(picture).faces for _ in range(SOON_FRAMES)) if found)
    wanted = FACE_BOX * 0.43 + np.float32([left_px, 360 - small.shape[0]])
    np.testing.assert_allclose(box(face.points_px), wanted, atol=5)


def test_a_moving_face_is_followed_without_its_detector(monkeypatch):
    eyes = Eyes()
    eyes(astronaut())
    monkeypatch.setattr(schedule.Eyes, "_searches_faces", lambda _self: False)
    for step in range(1, 20):
        shift = np.float32([[1, 0, 6 * step], [0, 1, 2 * step]])
        (face,) = eyes(cv2.warpAffine(astronaut(), shift, (512, 512), borderMode=cv2.BORDER_REPLICATE)).faces
        np.testing.assert_allclose(box(face.points_px), FACE_BOX + shift[:, 2], atol=5)


def test_two_hands_are_found_and_followed_and_no_frame_runs_both_detectors(monkeypatch):
    eyes, searched = Eyes(), []
    for part, name in ((eyes._faces, "face"), (eyes._hands, "palm")):
        real = part._detector
        monkeypatch.setattr(part, "_detector", lambda *args, real=real, name=name: searched.append(name) or real(*args))
    for frame in range(25):
        searched.clear()
        sight = eyes(hands_at((160 + 3 * frame, 180), (470 - 3 * frame, 180)))
        assert len(set(searched)) <= 1, f"frame {frame}"
    assert [round(float(hand.points_px[:, 0].mean())) > 320 for hand in sight.hands].count(True) == 1
    assert len(sight.hands) == 2 and not any(hand.held_frames for hand in sight.hands)
    assert sight.hands[0].solid_px.shape == (HAND_POINTS, 3)


@pytest.mark.parametrize("picture", [np.full((360, 640, 4), 128, np.uint8),
                                     np.random.default_rng(2).integers(0, 255, (360, 640, 4), np.uint8),
                                     np.zeros((40, 30, 4), np.uint8)])
def test_a_picture_without_people_shows_nobody(picture):
    eyes = Eyes()
    assert all(eyes(picture) == Sight() for _ in range(12))


def test_a_reset_forgets_everybody():
    eyes = Eyes()
    for _ in range(3):
        eyes(hands_at((320, 180)))
    assert eyes._hands.following == 1
    eyes.reset()
    assert eyes(np.full((360, 640, 4), 128, np.uint8)) == Sight() and eyes._hands.following == 0


def test_points_are_carried_as_the_picture_moved():
    points = hand_of(300, 200).points_px
    moved = moved_points(points, motion(1.5, -0.5).flow, SIZE_PX)
    np.testing.assert_allclose(moved - points, np.broadcast_to([1.5 * 16, -0.5 * 15], (HAND_POINTS, 2)), atol=1e-3)


def test_a_lost_hand_is_carried_for_some_frames_and_then_given_up():
    sight = Sight(hands=(hand_of(100, 180),))
    for frame in range(1, HELD_FRAMES + 1):
        sight = carried(sight, Sight(), motion(0.5), SOURCE)
        assert sight.hands[0].held_frames == frame
    assert carried(sight, Sight(), motion(0.5), SOURCE) == Sight()


def test_a_hand_seen_anew_is_not_carried_beside_itself_but_another_one_is():
    before = Sight(hands=(hand_of(100, 180), hand_of(400, 180)))
    now = carried(before, Sight(hands=(hand_of(110, 180),)), motion(0.0), SOURCE)
    assert [hand.held_frames for hand in now.hands] == [0, 1]


def test_nothing_is_carried_over_a_cut_or_out_of_the_picture():
    before = Sight(hands=(hand_of(620, 180),))
    assert carried(before, Sight(), None, SOURCE) == carried(None, Sight(), motion(0.0), SOURCE) == Sight()
    assert carried(before, Sight(), motion(3.0), SOURCE) == Sight()


def test_a_hand_is_not_carried_to_where_the_picture_has_another_colour():
    skin, cloth = (np.full((360, 640, 4), color, np.uint8) for color in ((110, 140, 200, 255), (150, 60, 40, 255)))
    before = Sight(hands=(replace(hand_of(300, 180), colors=np.full((HAND_POINTS, 3), (200, 140, 110), np.uint8)),))
    assert carried(before, Sight(), motion(0.5), skin // 2).hands, "the same colour in the shade"
    assert carried(before, Sight(), motion(0.5), cloth) == Sight()


def test_a_missing_and_a_damaged_model_file_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(tflite, "DATA_DIR", tmp_path)
    with pytest.raises(WeightsError, match="reinstall"):
        tflite.Model("face_landmark.tflite")
    (tmp_path / "face_landmark.tflite").write_bytes(b"no model")
    with pytest.raises(WeightsError, match="cannot be used"):
        tflite.Model("face_landmark.tflite")


def test_memory_stays_flat():
    eyes, picture = Eyes(), astronaut()
    for _ in range(10):
        eyes(picture)
    tracemalloc.start()
    for _ in range(60):
        eyes(picture)
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown_bytes < 200_000
