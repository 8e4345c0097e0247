# SPDX-License-Identifier: Apache-2.0
"""Motion evidence says how far a flow is off; the shipped net brings a flow nearer to a person's true motion."""

import cv2
import numpy as np
import pytest

from mirage_lsd.worker import engines
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.tracking.motion_evidence import CORRECTIONS, SUB, TENTHS, TERMS, evidence_of

WIDE_PX, HIGH_PX = 320, 192


def rough(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (HIGH_PX, WIDE_PX)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX)


def shifted(picture: np.ndarray, by_px: tuple[float, float]) -> np.ndarray:
    matrix = np.float32([[1, 0, by_px[0]], [0, 1, by_px[1]]])
    return cv2.warpAffine(picture, matrix, (WIDE_PX, HIGH_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def missing(evidence: np.ndarray) -> np.ndarray:
    """The one step (x, y) in cells that explains all of the evidence best."""
    rows, columns = evidence.shape[2:]
    xx, xy, yy, by_x, by_y, power, _ = evidence.reshape(TERMS, SUB * SUB, rows, columns)[..., 2:-2, 2:-2]
    weight = np.exp(power / 0.3)
    cell_px = (WIDE_PX / columns, HIGH_PX / rows)
    xx, xy, yy = (float((term * weight).sum()) for term in (xx, xy, yy))
    by_px = [float((term * weight).sum()) * side / TENTHS for term, side in zip((by_x, by_y), cell_px, strict=True)]
    return np.linalg.solve([[xx, xy], [xy, yy]], by_px) / cell_px


@pytest.mark.parametrize("cells", [(24, 40), (16, 28), (12, 20)])
def test_evidence_tells_what_a_flow_lacks(cells):
    before = rough()
    now = shifted(before, (0.6, -0.4))  # so that what is at x now was at x - (0.6, -0.4)
    flow = np.zeros((1, 2, *cells), np.float32)
    lacks = np.array([-0.6 * cells[1] / WIDE_PX, 0.4 * cells[0] / HIGH_PX])
    evidence = evidence_of(before, now, flow)
    assert evidence.shape == (1, TERMS * SUB * SUB, *cells) and evidence.dtype == np.float32
    np.testing.assert_allclose(missing(evidence), lacks, rtol=0.15)
    flow += lacks.astype(np.float32).reshape(1, 2, 1, 1)
    mended = evidence_of(before, now, flow)
    assert np.abs(missing(mended)).max() < 0.1 * np.abs(lacks).max()
    assert mended[:, -SUB * SUB :].mean() < 0.5 * evidence[:, -SUB * SUB :].mean()


def test_parts_of_a_cell_are_told_apart():
    before = np.full((HIGH_PX, WIDE_PX), 90, np.uint8)
    before[:, 164:] = 200  # a step between the parts of column 20
    steps = evidence_of(before, before, np.zeros((1, 2, 24, 40), np.float32)).reshape(TERMS, SUB, SUB, 24, 40)
    assert steps[0, :, :, :, 20].min() > 0.9  # all of it in x
    assert steps[2].max() == 0.0 and not steps[3:5].any()
    assert np.array_equal(steps[5, :, 0, :, 3], np.zeros((SUB, 24), np.float32))


def test_nothing_to_see_is_no_evidence():
    flat = np.full((HIGH_PX, WIDE_PX), 77, np.uint8)
    assert not evidence_of(flat, flat, np.ones((1, 2, 24, 40), np.float32)).any()


@pytest.fixture(scope="module")
def engine():
    return engines.create_engine("auto", GraphShapes((WIDE_PX, HIGH_PX)))


@pytest.fixture(scope="module")
def portrait():
    """A real photograph of a person as RGB u8 [192,320,3]."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    return cv2.resize(astronaut[: 512 * 6 // 10], (WIDE_PX, HIGH_PX), interpolation=cv2.INTER_AREA)


def seen(engine, before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flow, motion, and the share of each cell that is a person."""
    tensors = [np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / 255 for picture in (before, now)]
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, now)]
    guess = Motion()(*greys, (24, 40))
    flow = engine.run("flow", {"previous": tensors[0], "source": tensors[1], "guess": guess})["flow"]
    mask = np.ones((1, 1, HIGH_PX, WIDE_PX), np.float32)
    told = engine.run("encode", {"source": tensors[1], "person_mask": mask})
    motion = flow
    for _ in range(CORRECTIONS):
        given = {"flow": motion, "evidence": evidence_of(*greys, motion), "regions": told["regions"],
                 "surface": told["surface"]}  # fmt: skip
        motion = engine.run("motion", given)["motion"]
    return flow, motion, 1.0 - told["regions"][0, 0]


def test_a_still_person_does_not_move(engine, portrait):
    _, motion, person = seen(engine, portrait, portrait)
    assert (person > 0.5).mean() > 0.2
    assert np.abs(motion).max() < 0.05
    assert np.abs(motion).mean() < 0.006  # a tenth of a pixel at 640


@pytest.mark.parametrize("turn", [0.6, -0.8])
def test_a_person_who_leans_is_followed_better_than_by_the_flow_alone(engine, portrait, turn):
    matrix = cv2.getRotationMatrix2D((170, 190), turn, 1.004)
    now = cv2.warpAffine(portrait, matrix, (WIDE_PX, HIGH_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    # Cloth that says nothing: the picture of both, without its texture.
    before, now = (cv2.bilateralFilter(picture, 9, 60, 9) for picture in (portrait, now))
    flow, motion, person = seen(engine, before, now)
    back = cv2.invertAffineTransform(matrix)
    across, down = np.meshgrid(np.arange(40) * 8 + 3.5, np.arange(24) * 8 + 3.5)
    true = np.stack([back[0, 0] * across + back[0, 1] * down + back[0, 2] - across,
                     back[1, 0] * across + back[1, 1] * down + back[1, 2] - down]) / 8
    inside = person > 0.8
    errors = [np.linalg.norm(found[0] - true, axis=0)[inside].mean() for found in (flow, motion)]
    assert errors[1] < errors[0]
