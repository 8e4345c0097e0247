# SPDX-License-Identifier: Apache-2.0
"""Static per-vertex anatomy of the base mesh: where sleeves, lips, scalp and hands are.

Computed once per process from the canonical (average, unposed) body; garments and skin paint are
fields over these arrays, so they follow every body shape and pose. Called by shells.py and render.py.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sparse

from mirage_lsd.worker.train.world.people.body import Body, vertex_adjacency

AROUND_M = 0.05  # metres around an arm per radian


@dataclass(frozen=True)
class Anatomy:
    """canon f32 [N,3] unposed average position; arm f32 [N] 0 shoulder, 1 elbow, 2 wrist, -1 off the arm;
    around f32 [N] metres around the arm; lips, ears, hands f32 [N] 0..1; smooth: tights smoothing matrix."""

    canon: np.ndarray
    arm: np.ndarray
    around: np.ndarray
    lips: np.ndarray
    ears: np.ndarray
    hands: np.ndarray
    eye_angle: np.ndarray
    smooth: sparse.csr_matrix
    smoother: sparse.csr_matrix


def _texture_mask(body: Body, name: str) -> np.ndarray:
    """Sample one of the base mesh's CC0 mask pictures at every vertex: f32 [N] 0..1."""
    picture = cv2.imread(str(body.root / f"data/mpfb2/textures/mpfb_{name}.jpg"), cv2.IMREAD_GRAYSCALE)
    height, width = picture.shape
    column = np.clip(body.uv[:, 0] * width, 0, width - 1).astype(int)
    row = np.clip((1 - body.uv[:, 1]) * height, 0, height - 1).astype(int)
    return picture[row, column].astype(np.float32) / 255.0


def _arm_coordinates(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Sleeve coordinate and distance around the arm for every vertex of both arms."""
    arm, around = np.full(body.count, -1.0, np.float32), np.zeros(body.count, np.float32)
    for side in ("L", "R"):
        joints = [body.canon_heads[body.bones[f"{b}.{side}"]] for b in ("upperarm01", "lowerarm01", "wrist")]
        names = [n + f".{side}" for n in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")]
        weight = body.weight_of(
            *names, *(b for b in body.bones if b.endswith(side) and b.startswith(("finger", "metacarpal")))
        )
        chosen = weight > 0.05
        points = body.canon[chosen]
        axis = [joints[1] - joints[0], joints[2] - joints[1]]
        first = (points - joints[0]) @ axis[0] / (axis[0] @ axis[0])
        second = (points - joints[1]) @ axis[1] / (axis[1] @ axis[1])
        along = np.where(first < 1, first, 1 + np.maximum(second, 0))
        blend = np.clip((weight[chosen] - 0.05) / 0.4, 0, 1)  # a smooth seam where sleeve meets torso
        arm[chosen] = -1 + blend * (along + 1)
        local = points - np.where(
            first[:, None] < 1, joints[0] + first[:, None] * axis[0], joints[1] + second[:, None] * axis[1]
        )
        around[chosen] = np.arctan2(local[:, 0] * (1 if side == "L" else -1), -local[:, 1]) * AROUND_M
    return arm, around


def _eye_angles(body: Body) -> np.ndarray:
    """Angle in radians between each eyeball vertex and the gaze axis; 9 elsewhere."""
    angle = np.full(body.count, 9.0, np.float32)
    for name in ("helper-l-eye", "helper-r-eye"):
        indices = body.group(name)
        points = body.canon[indices]
        centre = (points.min(0) + points.max(0)) / 2
        direction = points - centre
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        angle[indices] = np.arccos(np.clip(-direction[:, 1], -1, 1))
    return angle


def _power(matrix: sparse.csr_matrix, rounds: int) -> sparse.csr_matrix:
    result = sparse.identity(matrix.shape[0], format="csr", dtype=np.float32)
    step = (0.4 * sparse.identity(matrix.shape[0], format="csr", dtype=np.float32) + 0.6 * matrix).tocsr()
    for _ in range(rounds):
        result = step @ result
    return result.tocsr()


def build_anatomy(body: Body) -> Anatomy:
    """All static arrays for one loaded body model."""
    arm, around = _arm_coordinates(body)
    tights = body.group("helper-tights")
    local = np.full(body.count, -1)
    local[tights] = np.arange(len(tights))
    adjacency = vertex_adjacency(local[body.faces["tights"]], len(tights))
    return Anatomy(
        canon=body.canon,
        arm=arm,
        around=around,
        lips=_texture_mask(body, "lips"),
        ears=_texture_mask(body, "ears"),
        hands=body.weight_of("wrist", "finger", "metacarpal"),
        eye_angle=_eye_angles(body),
        smooth=_power(adjacency, 3),
        smoother=_power(adjacency, 9),
    )
