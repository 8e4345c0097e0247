# SPDX-License-Identifier: Apache-2.0
"""Geometry of one look on one posed body: skin, garment shells, skirts and shoes.

Called by generate.py per look. The shader cuts hems, sleeves and necklines out of the shells by those
coordinates, so every look of a clip shares the same body motion exactly.
"""

from dataclasses import replace

import numpy as np

from mirage_lsd.worker.train.world.looks import Look
from mirage_lsd.worker.train.world.people.anatomy import AROUND_M, Anatomy
from mirage_lsd.worker.train.world.people.body import Body, Posed
from mirage_lsd.worker.train.world.people.pieces import (
    EYE,
    LOWER,
    SHIRT,
    SHOE,
    SKIN,
    SOLID,
    UPPER,
    Piece,
    index_table,
    pushed_out,
)


class Tailor:
    """Cuts the pieces of looks; holds index tables that only depend on the base mesh."""

    def __init__(self, body: Body, anatomy: Anatomy) -> None:
        self.body, self.anatomy = body, anatomy
        self.tables = {name: index_table(faces) for name, faces in body.faces.items()}
        cage = self.tables["tights"][0]
        turn = anatomy.around[cage] / AROUND_M
        self.around = AROUND_M * np.arctan2(anatomy.smooth @ np.sin(turn), anatomy.smooth @ np.cos(turn))
        self.cage_canon = [matrix @ anatomy.canon[cage] for matrix in (anatomy.smooth, anatomy.smoother)]

    def _plain(
        self, part: int, name: str, posed: Posed, label: int, aux: np.ndarray, **more: object
    ) -> Piece:
        table = self.tables[name]
        return pushed_out(part, label, posed, table, self.anatomy.canon, aux[table[0]], **more)

    def skin_pieces(self, posed: Posed) -> list[Piece]:
        """Body, eyes, teeth and lashes; the same for every look with this expression."""
        a = self.anatomy
        zero = np.zeros_like(a.arm)
        return [
            self._plain(SKIN, "body", posed, 1, np.stack([a.arm, a.lips, a.ears, a.hands], 1)),
            self._plain(EYE, "eyes", posed, 2, np.stack([a.eye_angle, zero, zero, zero], 1)),
            self._plain(SOLID, "teeth", posed, 2, np.zeros((len(zero), 4)), color=(0.85, 0.82, 0.76)),
            self._plain(SOLID, "lashes", posed, 2, np.zeros((len(zero), 4)), color=(0.06, 0.05, 0.05)),
        ]

    def bare(self, skin: Piece, look: Look) -> Piece:
        """The skin piece without triangles that lie deep under this look's clothes."""
        x, _, z = skin.canon.T
        arm, cut = skin.aux[:, 0], look.cut
        hidden = (arm < -0.5) & (z > cut.hem + 0.05) & (z < 0.37) | (arm > 0.15) & (arm < cut.sleeve - 0.25)
        if look.upper != "dress" and look.lower != "skirt":
            hidden |= (arm < -0.5) & (z > look.lower_hem + 0.06) & (z < 0.07)
        return replace(skin, faces=skin.faces[~hidden[skin.faces].all(1)])

    def _keep(self, piece: Piece, seen: np.ndarray) -> Piece:
        """The piece without triangles that have no vertex in seen (bool [n])."""
        return replace(piece, faces=piece.faces[seen[piece.faces].any(1)])

    def _shell(self, part: int, label: int, posed: Posed, offset: np.ndarray, smooth: int) -> Piece:
        """The tights cage, smoothed and pushed out along its normals by offset f32 [n] metres."""
        used, faces = self.tables["tights"]
        matrix = self.anatomy.smoother if smooth else self.anatomy.smooth
        vertices = np.stack([matrix @ frame for frame in posed.vertices[:, used]])
        normals = np.stack([matrix @ frame for frame in posed.normals[:, used]])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
        arm = self.anatomy.smooth @ self.anatomy.arm[used]
        aux = np.stack([arm, self.around, 0 * offset, 0 * offset], 1)
        return Piece(
            part,
            label,
            vertices + normals * offset[None, :, None],
            normals,
            self.cage_canon[smooth],
            aux.astype(np.float32),
            faces,
        )

    def upper_piece(self, posed: Posed, look: Look) -> Piece:
        """The upper garment (or the top of a dress), with hem flare, collar flare and hood."""
        used, _ = self.tables["tights"]
        canon, cut = self.cage_canon[look.cut.smooth], look.cut
        x, y, z = canon.T
        offset = np.full(len(used), cut.offset, np.float32)
        neckline = 0.512 + cut.neck + 0.38 * (y + 0.08) + 0.35 * np.abs(x)
        offset += np.clip(z - neckline, 0, 0.06) * (0.55 if cut.collar else 0.0)
        if look.upper != "dress":
            offset += np.clip(0.14 - z, 0, 0.25) * (0.06 if cut.smooth else 0.03)
        arm = self.anatomy.arm[used]
        offset += np.where(arm > 0.1, 0.25 * cut.offset, 0) * (look.upper != "dress")
        if look.upper == "hoodie":
            hood = np.exp(-(((z - 0.515) / 0.045) ** 2)) * np.clip((y + 0.075) / 0.1, 0, 1)
            offset += 0.05 * hood * (np.abs(x) < 0.16)
        shell = self._shell(UPPER, 4, posed, offset.astype(np.float32), cut.smooth)
        return self._keep(
            shell, np.where(shell.aux[:, 0] > -0.1, arm < cut.sleeve + 0.1, z > cut.hem - 0.02) & (z < 0.62)
        )

    def shirt_piece(self, posed: Posed, look: Look) -> Piece:
        """The shirt seen in the opening of a jacket or suit."""
        used, _ = self.tables["tights"]
        shell = self._shell(SHIRT, 6, posed, np.full(len(used), 0.006, np.float32), 0)
        x, y, z = shell.canon.T
        return self._keep(
            shell, (np.abs(x) < 0.15) & ((y < 0.02) | (z > 0.42)) & (z > -0.04) & (shell.aux[:, 0] < 0.3)
        )

    def lower_pieces(self, posed: Posed, look: Look) -> list[Piece]:
        """Trousers, shorts or skirt, and shoes; a dress is the skirt cage in the upper garment's cloth."""
        used, _ = self.tables["tights"]
        z = self.anatomy.canon[used][:, 2]
        loose = {"trousers": 0.014, "jeans": 0.008, "shorts": 0.018, "skirt": 0.0}[look.lower]
        offset = 0.005 + loose * np.clip((0.1 - z) / 0.4, 0, 1)
        shoes = self._shell(SHOE, 6, posed, np.full(len(used), 0.012, np.float32), 0)
        pieces = [self._keep(shoes, z < -0.74)]
        if look.upper == "dress" or look.lower == "skirt":
            pieces.append(self._skirt(posed, UPPER if look.upper == "dress" else LOWER, look))
        else:
            shell = self._shell(LOWER, 5, posed, offset.astype(np.float32), 0)
            pieces.append(
                self._keep(shell, (shell.aux[:, 0] < -0.4) & (z < 0.14) & (z > look.lower_hem - 0.03))
            )
        return pieces

    def _skirt(self, posed: Posed, part: int, look: Look) -> Piece:
        table = self.tables["skirt"]
        height = self.anatomy.canon[table[0], 2:]
        flare = 0.008 + look.flare * np.clip(0.1 - height, 0, 0.6)
        aux = np.tile(np.array([-1, 0, 1, 0]), (len(height), 1))
        return pushed_out(part, 4 if part == UPPER else 5, posed, table, self.anatomy.canon, aux, flare)
