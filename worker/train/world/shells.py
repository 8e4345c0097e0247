# SPDX-License-Identifier: Apache-2.0
"""Geometry of one look on one posed body: skin, garment shells, skirts, hair, hats and small things.

Called by generate.py per look. A Piece holds moving vertices for all frames of a clip plus static
canonical coordinates; the shader cuts hems, sleeves and necklines out of the shells by those
coordinates, so every look of a clip shares the same body motion exactly.
"""

from dataclasses import dataclass, replace

import numpy as np

from mirage_lsd.worker.train.world.anatomy import Anatomy
from mirage_lsd.worker.train.world.body import Body, Posed
from mirage_lsd.worker.train.world.looks import Look

SKIN, EYE, SOLID, UPPER, LOWER, HAIR, LONG_HAIR, HAT, SHIRT, SHOE = range(10)
HEAD_CENTRE = np.array([0.0, -0.045, 0.70], np.float32)


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


class Tailor:
    """Cuts the pieces of looks; holds index tables that only depend on the base mesh."""

    def __init__(self, body: Body, anatomy: Anatomy) -> None:
        self.body, self.anatomy = body, anatomy
        self.tables = {name: self._table(faces) for name, faces in body.faces.items()}
        head = body.canon[:, 2] > 0.56
        scalp = body.faces["body"][head[body.faces["body"]].all(1)]
        self.tables["scalp"] = self._table(scalp)
        used = self.tables["scalp"][0]
        self.head_fit = np.linalg.pinv(np.c_[body.canon[used], np.ones(len(used))])
        self.head_used = used
        cage = self.tables["tights"][0]
        self.cage_canon = [matrix @ anatomy.canon[cage] for matrix in (anatomy.smooth, anatomy.smoother)]

    @staticmethod
    def _table(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        used, local = np.unique(faces, return_inverse=True)
        return used, local.reshape(faces.shape).astype(np.int32)

    def _plain(self, part: int, name: str, posed: Posed, label: int, aux: np.ndarray, **more: object) -> Piece:
        used, faces = self.tables[name]
        return Piece(part, label, posed.vertices[:, used], posed.normals[:, used], self.anatomy.canon[used],
                     aux[used].astype(np.float32), faces, **more)

    def skin_pieces(self, posed: Posed) -> list[Piece]:
        """Body, eyes, teeth and lashes; the same for every look with this expression."""
        a = self.anatomy
        zero = np.zeros_like(a.arm)
        return [self._plain(SKIN, "body", posed, 1, np.stack([a.arm, a.lips, a.ears, a.hands], 1)),
                self._plain(EYE, "eyes", posed, 2, np.stack([a.eye_angle, zero, zero, zero], 1)),
                self._plain(SOLID, "teeth", posed, 2, np.zeros((len(zero), 4)), color=(0.85, 0.82, 0.76)),
                self._plain(SOLID, "lashes", posed, 2, np.zeros((len(zero), 4)), color=(0.06, 0.05, 0.05))]

    def bare(self, skin: Piece, look: Look) -> Piece:
        """The skin piece without triangles that lie deep under this look's clothes."""
        x, _, z = skin.canon.T
        arm, cut = skin.aux[:, 0], look.cut
        hidden = (arm < -0.5) & (z > cut.hem + 0.05) & (z < 0.37) | (arm > 0.15) & (arm < cut.sleeve - 0.25)
        if look.upper != "dress" and look.lower != "skirt":
            hidden |= (arm < -0.5) & (z > look.lower_hem + 0.06) & (z < 0.07)
        return replace(skin, faces=skin.faces[~hidden[skin.faces].all(1)])

    def _keep(self, piece: Piece, seen: np.ndarray) -> Piece:
        """The piece without triangles of which no vertex is in seen (bool [n]): the shader would discard them."""
        return replace(piece, faces=piece.faces[seen[piece.faces].any(1)])

    def _shell(self, part: int, label: int, posed: Posed, offset: np.ndarray, smooth: int) -> Piece:
        """The tights cage, smoothed and pushed out along its normals by offset f32 [n] metres."""
        used, faces = self.tables["tights"]
        matrix = self.anatomy.smoother if smooth else self.anatomy.smooth
        vertices = np.stack([matrix @ frame for frame in posed.vertices[:, used]])
        normals = np.stack([matrix @ frame for frame in posed.normals[:, used]])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
        arm = self.anatomy.smooth @ self.anatomy.arm[used]
        aux = np.stack([arm, self.anatomy.around[used], 0 * offset, 0 * offset], 1)
        return Piece(part, label, vertices + normals * offset[None, :, None], normals,
                     self.cage_canon[smooth], aux.astype(np.float32), faces)

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
            hood = np.exp(-((z - 0.515) / 0.045) ** 2) * np.clip((y + 0.075) / 0.1, 0, 1)
            offset += 0.05 * hood * (np.abs(x) < 0.16)
        shell = self._shell(UPPER, 4, posed, offset.astype(np.float32), cut.smooth)
        return self._keep(shell, np.where(shell.aux[:, 0] > -0.1, arm < cut.sleeve + 0.1, z > cut.hem - 0.02) & (z < 0.62))

    def shirt_piece(self, posed: Posed, look: Look) -> Piece:
        """The shirt seen in the opening of a jacket or suit."""
        used, _ = self.tables["tights"]
        shell = self._shell(SHIRT, 6, posed, np.full(len(used), 0.006, np.float32), 0)
        x, y, z = shell.canon.T
        return self._keep(shell, (np.abs(x) < 0.15) & ((y < 0.02) | (z > 0.42)) & (z > -0.04) & (shell.aux[:, 0] < 0.3))

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
            pieces.append(self._keep(shell, (shell.aux[:, 0] < -0.4) & (z < 0.14) & (z > look.lower_hem - 0.03)))
        return pieces

    def _skirt(self, posed: Posed, part: int, look: Look) -> Piece:
        used, faces = self.tables["skirt"]
        canon = self.anatomy.canon[used]
        flare = 0.008 + (0.02 + 0.16 * look.hair_shape[2]) * np.clip(0.1 - canon[:, 2], 0, 0.6)
        aux = np.tile(np.array([-1, 0, 1, 0], np.float32), (len(used), 1))
        normals = posed.normals[:, used]
        return Piece(part, 4 if part == UPPER else 5, posed.vertices[:, used] + normals * flare[None, :, None],
                     normals, canon, aux, faces)

    def hair_pieces(self, posed: Posed, look: Look) -> list[Piece]:
        """Scalp shell, long-hair cage, bun or hat."""
        if look.hair == "bald":
            return []
        volume = {"short": 0.012 + 0.026 * look.hair_shape[0], "long": 0.018, "bun": 0.010, "hat": 0.006}[look.hair]
        curly = look.hair == "short" and look.hair_shape[2] > 0.72
        volume *= 1.8 if curly else 1.0
        fringe = 0.0 if curly or look.hair in ("hat", "bun") else look.hair_shape[1]
        pieces = [self._cap(posed, HAIR, 3, volume, fringe, curly)]
        if look.hair == "long":
            used, faces = self.tables["hair"]
            canon = self.anatomy.canon[used]
            push = 0.004 + 0.006 * look.hair_shape[0]
            normals = posed.normals[:, used]
            pieces.append(Piece(LONG_HAIR, 3, posed.vertices[:, used] + push * normals, normals, canon,
                                np.zeros((len(used), 4), np.float32), faces))
        if look.hair == "bun":
            high = 0.45 + 0.55 * look.hair_shape[0]
            centre = HEAD_CENTRE + np.array([0, 0.115 - 0.06 * high, 0.05 + 0.075 * high])
            pieces.append(self._attached(posed, HAIR, 3, *sphere(centre, (0.05, 0.045, 0.045))))
        if look.hair == "hat":
            pieces.append(self._cap(posed, HAT, 7, 0.020, look.hair_shape[1]))
            if look.hair_shape[0] < 0.6:
                pieces.append(self._attached(posed, HAT, 7, *brim()))
        return pieces

    def _cap(self, posed: Posed, part: int, label: int, volume: float, fringe: float, curly: bool = False) -> Piece:
        """The scalp pushed out from the head's centre by about volume metres."""
        used, faces = self.tables["scalp"]
        canon = self.anatomy.canon[used]
        top = np.clip((canon[:, 2] - 0.66) / 0.1, 0.25, 1.3)
        grown = canon[:, 2] - np.maximum(0.612 + (0.05 - canon[:, 1]) * 0.80, 0.60)
        curl = look_curl(canon) if curly else 1.0
        offset = (volume * top * curl * (0.25 + 0.75 * np.clip(grown / 0.035, 0, 1))).astype(np.float32)
        aux = np.stack([self.anatomy.ears[used], np.full(len(used), fringe), 0 * offset, np.full(len(used), float(curly))], 1)
        normals = posed.normals[:, used]
        return Piece(part, label, posed.vertices[:, used] + normals * offset[None, :, None], normals, canon,
                     aux.astype(np.float32), faces)

    def _attached(self, posed: Posed, part: int, label: int, vertices: np.ndarray, normals: np.ndarray,
                  faces: np.ndarray, **more: object) -> Piece:
        """A rigid thing given in canonical head space, fitted to this head and moved with it."""
        fit = self.head_fit @ posed.rest[self.head_used]
        placed = np.c_[vertices, np.ones(len(vertices))] @ fit
        moved = np.einsum("tij,nj->tni", posed.head[:, :3, :3], placed) + posed.head[:, None, :3, 3]
        turned = np.einsum("tij,nj->tni", posed.head[:, :3, :3], normals)
        aux = np.tile(np.array([0, 1, 1, 0], np.float32), (len(vertices), 1))
        return Piece(part, label, moved.astype(np.float32), turned.astype(np.float32),
                     vertices.astype(np.float32), aux, faces, **more)

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


def look_curl(canon: np.ndarray) -> np.ndarray:
    """Bumpy volume of curls: factor f64 [n] about 1."""
    wave = np.sin(canon * 210).sum(1) + np.sin(canon[:, [1, 2, 0]] * 330 + 1).sum(1)
    return 1 + 0.09 * wave


def sphere(centre: np.ndarray, radii: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An ellipsoid mesh: vertices f32 [n,3], normals, faces i32 [f,3]."""
    rows, cols = 12, 20
    polar, turn = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, cols), indexing="ij")
    normals = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1).reshape(-1, 3)
    return centre + normals * np.asarray(radii), normals, grid_faces(rows, cols)


def grid_faces(rows: int, cols: int) -> np.ndarray:
    """Triangles of a rows x cols vertex grid."""
    a = (np.arange(rows - 1)[:, None] * cols + np.arange(cols - 1)).ravel()
    return np.concatenate([np.stack([a, a + cols, a + 1], 1), np.stack([a + 1, a + cols, a + cols + 1], 1)]).astype(np.int32)


def tube(path: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A round tube along path f32 [n,3]."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, [0.31, 0.82, 0.48])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(tangent, side)
    turn = np.linspace(0, 2 * np.pi, 7)
    normals = side[:, None] * np.cos(turn)[:, None] + up[:, None] * np.sin(turn)[:, None]
    return ((path[:, None] + radius * normals).reshape(-1, 3), normals.reshape(-1, 3), grid_faces(len(path), 7))


def glasses() -> list[tuple]:
    """Two rims, a bridge and two temples, in canonical head space."""
    turn = np.linspace(0, 2 * np.pi, 25)
    parts = []
    for sign in (-1, 1):
        rim = np.stack([sign * 0.033 + 0.026 * np.cos(turn), -0.148 + 0.25 * np.abs(sign * 0.033 + 0.026 * np.cos(turn)),
                        0.693 + 0.02 * np.sin(turn)], 1)
        parts += [tube(rim, 0.0022), tube(np.array([[sign * 0.06, -0.13, 0.698], [sign * 0.074, -0.09, 0.698],
                                                    [sign * 0.082, -0.02, 0.695]]), 0.002)]
    return parts + [tube(np.array([[-0.008, -0.148, 0.698], [0, -0.152, 0.701], [0.008, -0.148, 0.698]]), 0.002)]


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
