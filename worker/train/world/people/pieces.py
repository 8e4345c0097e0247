# SPDX-License-Identifier: Apache-2.0
"""A Piece: one mesh of a dressed person in all frames of a clip, and the numbers of the parts.

Made by shells.py and hair.py, drawn by render.py; the part number chooses the shader variant.
"""

from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.train.world.people.body import Posed

SKIN, EYE, SOLID, UPPER, LOWER, HAIR, LONG_HAIR, HAT, SHIRT, SHOE = range(10)


@dataclass(frozen=True)
class Piece:
    """vertices, normals f32 [T,n,3]; canon f32 [n,3]; aux f32 [n,4]; faces i32 [f,3]; part, label, color."""

    part: int
    label: int
    vertices: np.ndarray
    normals: np.ndarray
    canon: np.ndarray
    aux: np.ndarray
    faces: np.ndarray
    color: tuple[float, float, float] = (0.5, 0.5, 0.5)
    gloss: float = 0.05


def pushed_out(
    part: int, label: int, posed: Posed, table: tuple, canon: np.ndarray, aux: np.ndarray, by_m: object = 0.0, **more
) -> Piece:
    """Triangles of the body itself (table: see index_table), moved out along their normals: a number or f32 [n,1]."""
    used, faces = table
    normals = posed.normals[:, used]
    vertices = posed.vertices[:, used] + normals * by_m
    return Piece(part, label, vertices, normals, canon[used], aux.astype(np.float32), faces, **more)


def index_table(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices used by triangles [f,3] and the triangles renumbered onto them, i32."""
    used, local = np.unique(faces, return_inverse=True)
    return used, local.reshape(faces.shape).astype(np.int32)
