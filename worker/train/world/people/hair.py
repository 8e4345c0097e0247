# SPDX-License-Identifier: Apache-2.0
"""Hair, hats, glasses and headphones of one look on one posed body.

Called by generate.py per look. Caps are the scalp pushed outwards (the shader cuts the hairline), long hair
is the base mesh's hair cage, buns, brims, glasses and headphones are rigid and follow the head bone.
"""

import numpy as np

from mirage_lsd.worker.train.world.looks import Look
from mirage_lsd.worker.train.world.people.anatomy import Anatomy
from mirage_lsd.worker.train.world.people.body import Body, Posed
from mirage_lsd.worker.train.world.people.pieces import HAIR, HAT, LONG_HAIR, SOLID, Piece, index_table, pushed_out
from mirage_lsd.worker.train.world.people.solids import HEAD_CENTRE, brim, glasses, headphones, sphere

HEAD_FROM_M = 0.56


class Hairdresser:
    """Makes head pieces; holds the scalp's index table and the fit of canonical to actual heads."""

    def __init__(self, body: Body, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        faces = body.faces["body"]
        self.scalp = index_table(faces[(body.canon[:, 2] > HEAD_FROM_M)[faces].all(1)])
        self.cage = index_table(body.faces["hair"])
        used = self.scalp[0]
        self.head_fit = np.linalg.pinv(np.c_[body.canon[used], np.ones(len(used))])

    def hair_pieces(self, posed: Posed, look: Look) -> list[Piece]:
        """Scalp shell, long-hair cage, bun or hat."""
        if look.hair == "bald":
            return []
        volume = {"short": 0.012 + 0.026 * look.hair_shape[0], "long": 0.018, "bun": 0.010, "hat": 0.006}[
            look.hair
        ]
        curly = look.hair == "short" and look.hair_shape[2] > 0.72
        volume *= 1.8 if curly else 1.0
        fringe = 0.0 if curly or look.hair in ("hat", "bun") else look.hair_shape[1]
        pieces = [self._cap(posed, HAIR, 3, volume, fringe, curly)]
        if look.hair == "long":
            push, aux = 0.004 + 0.006 * look.hair_shape[0], np.zeros((len(self.cage[0]), 4))
            pieces.append(pushed_out(LONG_HAIR, 3, posed, self.cage, self.anatomy.canon, aux, push))
        if look.hair == "bun":
            high = 0.45 + 0.55 * look.hair_shape[0]
            centre = HEAD_CENTRE + np.array([0, 0.115 - 0.06 * high, 0.05 + 0.075 * high])
            pieces.append(self._attached(posed, HAIR, 3, *sphere(centre, (0.05, 0.045, 0.045))))
        if look.hair == "hat":
            pieces.append(self._cap(posed, HAT, 7, 0.020, look.hair_shape[1]))
            if look.hair_shape[0] < 0.6:
                pieces.append(self._attached(posed, HAT, 7, *brim()))
        return pieces

    def _cap(
        self, posed: Posed, part: int, label: int, volume: float, fringe: float, curly: bool = False
    ) -> Piece:
        """The scalp pushed out from the head's centre by about volume metres."""
        used, _ = self.scalp
        canon = self.anatomy.canon[used]
        top = np.clip((canon[:, 2] - 0.66) / 0.1, 0.25, 1.3)
        grown = canon[:, 2] - np.maximum(0.612 + (0.05 - canon[:, 1]) * 0.80, 0.60)
        curl = curls(canon) if curly else 1.0
        offset = (volume * top * curl * (0.25 + 0.75 * np.clip(grown / 0.035, 0, 1))).astype(np.float32)
        aux = np.stack(
            [
                self.anatomy.ears[used],
                np.full(len(used), fringe),
                0 * offset,
                np.full(len(used), float(curly)),
            ],
            1,
        )
        return pushed_out(part, label, posed, self.scalp, self.anatomy.canon, aux, offset[:, None])

    def _attached(
        self,
        posed: Posed,
        part: int,
        label: int,
        vertices: np.ndarray,
        normals: np.ndarray,
        faces: np.ndarray,
        **more: object,
    ) -> Piece:
        """A rigid thing given in canonical head space, fitted to this head and moved with it."""
        fit = self.head_fit @ posed.rest[self.scalp[0]]
        placed = np.c_[vertices, np.ones(len(vertices))] @ fit
        moved = np.einsum("tij,nj->tni", posed.head[:, :3, :3], placed) + posed.head[:, None, :3, 3]
        turned = np.einsum("tij,nj->tni", posed.head[:, :3, :3], normals)
        aux = np.tile(np.array([0, 1, 1, 0], np.float32), (len(vertices), 1))
        return Piece(
            part,
            label,
            moved.astype(np.float32),
            turned.astype(np.float32),
            vertices.astype(np.float32),
            aux,
            faces,
            **more,
        )

    def extra_pieces(self, posed: Posed, look: Look) -> list[Piece]:
        """Glasses and headphones."""
        pieces = []
        if "glasses" in look.extras:
            for ring in glasses():
                pieces.append(self._attached(posed, SOLID, 2, *ring, color=(0.06, 0.05, 0.05), gloss=0.5))
        if "headphones" in look.extras and look.hair != "hat":
            for part in headphones():
                pieces.append(self._attached(posed, SOLID, 6, *part, color=look.shoe_color, gloss=0.4))
        return pieces


def curls(canon: np.ndarray) -> np.ndarray:
    """Bumpy volume of curls: factor f64 [n] about 1."""
    wave = np.sin(canon * 210).sum(1) + np.sin(canon[:, [1, 2, 0]] * 330 + 1).sum(1)
    return 1 + 0.09 * wave
