# SPDX-License-Identifier: Apache-2.0
"""Small rigid things worn on the head, as meshes in canonical head space (metres).

Called by shells.py, which fits them to a head and moves them with it. Every maker returns
(vertices f32 [n,3], unit normals [n,3], faces i32 [f,3]) or a list of those.
"""

import numpy as np

HEAD_CENTRE = np.array([0.0, -0.045, 0.70], np.float32)


def sphere(
    centre: np.ndarray, radii: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An ellipsoid mesh: vertices f32 [n,3], normals, faces i32 [f,3]."""
    rows, cols = 12, 20
    polar, turn = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, cols), indexing="ij")
    normals = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1
    ).reshape(-1, 3)
    return centre + normals * np.asarray(radii), normals, grid_faces(rows, cols)


def grid_faces(rows: int, cols: int) -> np.ndarray:
    """Triangles of a rows x cols vertex grid."""
    a = (np.arange(rows - 1)[:, None] * cols + np.arange(cols - 1)).ravel()
    return np.concatenate(
        [np.stack([a, a + cols, a + 1], 1), np.stack([a + 1, a + cols, a + cols + 1], 1)]
    ).astype(np.int32)


def tube(path: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A round tube along path f32 [n,3]."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, [0.31, 0.82, 0.48])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(tangent, side)
    turn = np.linspace(0, 2 * np.pi, 7)
    normals = side[:, None] * np.cos(turn)[:, None] + up[:, None] * np.sin(turn)[:, None]
    return (
        (path[:, None] + radius * normals).reshape(-1, 3),
        normals.reshape(-1, 3),
        grid_faces(len(path), 7),
    )


def glasses() -> list[tuple]:
    """Two rims, a bridge and two temples, in canonical head space."""
    turn = np.linspace(0, 2 * np.pi, 25)
    parts = []
    for sign in (-1, 1):
        rim = np.stack(
            [
                sign * 0.033 + 0.026 * np.cos(turn),
                -0.148 + 0.25 * np.abs(sign * 0.033 + 0.026 * np.cos(turn)),
                0.693 + 0.02 * np.sin(turn),
            ],
            1,
        )
        parts += [
            tube(rim, 0.0022),
            tube(
                np.array(
                    [[sign * 0.06, -0.13, 0.698], [sign * 0.074, -0.09, 0.698], [sign * 0.082, -0.02, 0.695]]
                ),
                0.002,
            ),
        ]
    return parts + [
        tube(np.array([[-0.008, -0.148, 0.698], [0, -0.152, 0.701], [0.008, -0.148, 0.698]]), 0.002)
    ]


def headphones() -> list[tuple]:
    """A band over the head and two cups, in canonical head space."""
    turn = np.linspace(0, np.pi, 21)
    band = np.stack([0.1 * np.cos(turn), np.full(21, -0.035), 0.685 + 0.148 * np.sin(turn)], 1)
    cups = [sphere(np.array([sign * 0.095, -0.04, 0.675]), (0.018, 0.034, 0.042)) for sign in (-1, 1)]
    return [tube(band, 0.009), *cups]


def brim() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The peak of a cap, in canonical head space."""
    turn, out = np.meshgrid(np.linspace(-1.15, 1.15, 15), np.linspace(0, 1, 4), indexing="ij")
    x = np.sin(turn) * (0.078 + 0.012 * out)
    y = HEAD_CENTRE[1] - np.cos(turn) * (0.092 + 0.065 * out)
    z = 0.752 - 0.02 * out - 0.012 * turn**2
    normals = np.stack([0 * x, -0.25 + 0 * x, 0.97 + 0 * x], -1)
    return np.stack([x, y, z], -1).reshape(-1, 3), normals.reshape(-1, 3), grid_faces(15, 4)
