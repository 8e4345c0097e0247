# SPDX-License-Identifier: Apache-2.0
"""Draws pieces with OpenGL on EGL into undyed colour + alpha, labels, flow and surface coordinates.

One Renderer per process (one GL context). Supersamples 2x2 and averages premultiplied, so alpha edges
are antialiased; labels take one sample of the four; flow and surface are averaged over the person's samples.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.train.world.motion import Camera
from mirage_lsd.worker.train.world.people.pieces import EYE, LOWER, SHIRT, SHOE, SKIN, UPPER, Piece

WIDTH_PX, HEIGHT_PX, SUPER = 640, 384, 2
SWITCHES = ("upper_kind", "lower_kind", "cloth", "logo", "jacket")
SWITCHES_OF = {
    SKIN: ("upper_kind", "lower_kind", "jacket"),
    UPPER: ("upper_kind", "cloth", "logo", "jacket"),
    LOWER: ("upper_kind", "lower_kind", "jacket"),
    SHIRT: ("upper_kind", "jacket"),
}
ONE_SIDED = (SKIN, EYE, SHOE, LOWER)
ARM_SPAN = 3.4  # the sleeve coordinate is coded as (arm + 1) / ARM_SPAN
ATTRIBUTES = {"position": 3, "previous": 3, "normal": 3, "canon": 3, "aux": 4}  # name: floats

SHADOW_PX, SHADOW_REACH_M = 384, 0.75


@dataclass(frozen=True)
class Light:
    """Key direction (towards the light) and linear RGB colours of key, fill, sky and ground."""

    direction: np.ndarray
    key: np.ndarray
    fill_direction: np.ndarray
    fill: np.ndarray
    sky: np.ndarray
    ground: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """rgba u8 [H,W,4] straight alpha, cloth and hair undyed; labels u8 [H,W]; flow f32 [H,W,2] px to the previous
    frame; surface f32 [H,W,3]: canonical x and z in metres and the sleeve coordinate, outside the person those of
    the nearest covered pixel."""

    rgba: np.ndarray
    labels: np.ndarray
    flow: np.ndarray
    surface: np.ndarray


def sample_light(rng: np.random.Generator) -> Light:
    """Soft light from a random side; the mean level keeps garment colours near their albedo.

    Some clips are dim, some have a coloured key (a monitor, a lamp, a neon sign).
    """
    turn, height = rng.uniform(-1.5, 1.5), rng.uniform(-0.1, 1.1)
    direction = np.array([np.sin(turn), -np.cos(turn), height])
    warm = np.array([1.0, 0.97, 0.93]) * (1 + rng.normal(0, 0.06, 3))
    if rng.random() < 0.22:
        tint = rng.choice([[1.25, 0.9, 0.6], [0.65, 0.9, 1.35], rng.uniform(0.5, 1.4, 3)])
        warm = warm * (1 + rng.uniform(0.3, 1) * (tint - 1))
    contrast = rng.uniform(0.25, 0.75)
    ambient = (1 - contrast) * (1 + rng.normal(0, 0.05, 3))
    other = np.array([-np.sin(turn) + rng.normal(0, 0.3), -0.7, rng.uniform(-0.2, 0.6)])
    level = rng.uniform(0.5, 0.8) if rng.random() < 0.15 else rng.uniform(0.8, 1.2)
    return Light(
        direction / np.linalg.norm(direction),
        level * 1.35 * contrast * warm,
        other / np.linalg.norm(other),
        level * rng.uniform(0, 0.35) * (1 + rng.normal(0, 0.12, 3)),
        level * 1.05 * ambient,
        level * 0.75 * ambient * np.array([1.0, 0.96, 0.92]),
    )


class Renderer:
    """Owns the GL context, the program and the framebuffer."""

    def __init__(self, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> None:
        import moderngl  # only generation needs GL

        self.gl = moderngl.create_standalone_context(backend="egl", require=330)
        folder = Path(__file__).parent / "glsl"
        self.vertex_source = (folder / "person.vert").read_text()
        self.fragment_source = "".join(
            (folder / n).read_text() for n in ("head.frag", "cloth.frag", "person.frag")
        )
        self.programs: dict[tuple, object] = {}
        self.uniforms: dict[str, object] = {}
        self.size_px = size_px
        size = (size_px[0] * SUPER, size_px[1] * SUPER)
        self.targets = [
            self.gl.texture(size, 4),
            self.gl.texture(size, 4),
            self.gl.texture(size, 4, dtype="f4"),
        ]
        depth = self.gl.depth_renderbuffer(size)
        self.frame = self.gl.framebuffer(self.targets, depth)
        self.gl.enable(moderngl.DEPTH_TEST)
        self.shadow = self.gl.depth_texture((SHADOW_PX, SHADOW_PX))
        self.shadow.compare_func = "<="
        self.shadow.repeat_x = self.shadow.repeat_y = False
        self.shadow_frame = self.gl.framebuffer([], self.shadow)
        self.shadow_program = self.gl.program((folder / "shadow.vert").read_text(), "#version 330\nvoid main() {}")
        values = noise_field()
        self.noise = self.gl.texture3d(values.shape[2::-1], 4, np.ascontiguousarray(values))
        self.noise.use(0)
        self.shadow.use(1)

    def set(self, **uniforms: object) -> None:
        """Values for the coming draws; the names in SWITCHES choose a compiled variant of the shader."""
        self.uniforms |= uniforms

    def _program(self, part: int) -> object:
        """The shader compiled for one part and its switches: the software rasteriser runs every branch."""
        used = SWITCHES_OF.get(part, ())
        key = (part, *(self.uniforms[name] for name in used))
        if key not in self.programs:
            values = {name: self.uniforms[name] if name in used else 0 for name in SWITCHES} | {"part": part}
            constants = "".join(f"const int {name} = {value};\n" for name, value in values.items())
            source = self.fragment_source.replace("#version 330\n", "#version 330\n" + constants, 1)
            program = self.programs[key] = self.gl.program(self.vertex_source, source)
            if "shadow_map" in program:
                program["shadow_map"].value = 1
        return self.programs[key]

    def draw(
        self, pieces: list[Piece], index: int, camera: Camera, light: Light, want_flow: bool = True
    ) -> Drawn:
        """Render frame `index`; flow leads to frame index-1 (zero for index 0 or if not wanted).

        pieces[0] is the whole body, which only casts the shadow; the others are drawn.
        """
        self._cast_shadow(pieces[0], index, light)
        self.frame.use()
        self.frame.clear(0, 0, 0, 0)
        self.set(
            view_projection=camera.view_projection.T,
            eye=camera.eye,
            key_direction=light.direction,
            key=light.key,
            fill_direction=light.fill_direction,
            fill=light.fill,
            sky=light.sky,
            ground=light.ground,
        )
        for piece in pieces[1:]:
            self._draw_piece(piece, index)
        return self._read(want_flow)

    def _cast_shadow(self, skin: Piece, index: int, light: Light) -> None:
        """Depth of the bare body seen from the key light, around head and torso."""
        points = skin.vertices[index]
        matrix = light_matrix(light.direction, points[skin.canon[:, 2] > 0.3].mean(0))
        self.shadow_program["view_projection"].value = tuple(matrix.T.ravel().tolist())
        vertices = self.gl.buffer(np.ascontiguousarray(points, np.float32))
        faces = self.gl.buffer(np.ascontiguousarray(skin.faces, np.int32))
        array = self.gl.vertex_array(self.shadow_program, [(vertices, "3f", "position")], faces)
        self.shadow_frame.use()
        self.shadow_frame.clear(depth=1.0)
        array.render()
        for item in (array, vertices, faces):
            item.release()
        self.set(shadow_matrix=matrix.T)

    def _draw_piece(self, piece: Piece, index: int) -> None:
        previous = piece.vertices[max(index - 1, 0)]
        data = np.concatenate(
            [piece.vertices[index], previous, piece.normals[index], piece.canon, piece.aux], 1
        )
        vertices = self.gl.buffer(np.ascontiguousarray(data, np.float32))
        faces = self.gl.buffer(np.ascontiguousarray(piece.faces, np.int32))
        program = self._program(piece.part)
        kinds = " ".join(f"{n}f" if name in program else f"{4 * n}x" for name, n in ATTRIBUTES.items())
        layout = [(vertices, kinds, *(name for name in ATTRIBUTES if name in program))]
        array = self.gl.vertex_array(program, layout, faces)
        own = {"label": float(piece.label), "solid_color": piece.color, "solid_gloss": piece.gloss}
        for name, value in (self.uniforms | own).items():
            if name in program:
                program[name].value = tuple(np.ravel(value).tolist()) if np.ndim(value) else value
        switch = self.gl.enable if piece.part in ONE_SIDED else self.gl.disable
        switch(self.gl.CULL_FACE)
        array.render()
        for item in (array, vertices, faces):
            item.release()

    def _read(self, want_flow: bool) -> Drawn:
        colour, coded = self._plane(0, np.uint8, 4), self._plane(1, np.uint8, 4)
        total = _box(colour.astype(np.uint16)).astype(np.float32)  # rgb is 0 where nothing was drawn
        samples = total[..., 3:] / 255
        rgba = np.concatenate([total[..., :3] / np.maximum(samples, 1), total[..., 3:] / SUPER**2], -1)
        motion = _box(self._plane(2, np.float32, 4)) / np.maximum(samples, 1)
        half = self.size_px[0] / 2, -self.size_px[1] / 2
        flow = motion[..., :2] * half if want_flow else np.zeros_like(motion[..., :2])
        one = coded[::SUPER, ::SUPER]
        arm = one[..., :1].astype(np.float32) * (ARM_SPAN / 255) - 1
        surface = extended(np.concatenate([motion[..., 2:], arm], -1), one[..., 3] > 0)
        return Drawn((rgba + 0.5).astype(np.uint8), one[..., 3].copy(), flow.astype(np.float32), surface)

    def _plane(self, index: int, dtype: type, channels: int) -> np.ndarray:
        raw = np.frombuffer(self.targets[index].read(), dtype)
        width_px, height_px = self.size_px
        return raw.reshape(height_px * SUPER, width_px * SUPER, channels)[::-1]


def extended(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """values f32 [H,W,C] with each unknown pixel taking those of the nearest known one (zeros where none is)."""
    if not known.any():
        return np.zeros_like(values, np.float32)
    _, nearest = cv2.distanceTransformWithLabels((~known).astype(np.uint8), cv2.DIST_L2, 3,
                                                 labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((nearest.max() + 1, values.shape[2]), np.float32)
    table[nearest[known]] = values[known]
    return table[nearest]


def light_matrix(direction: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Orthographic view from a far light onto SHADOW_REACH_M around centre: f32 [4,4]."""
    right = np.cross([0.0, 0.0, 1.0], direction)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(direction, right), -direction])
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = axes / np.array([[SHADOW_REACH_M], [SHADOW_REACH_M], [2 * SHADOW_REACH_M]])
    matrix[:3, 3] = -matrix[:3, :3] @ centre
    return matrix


def noise_field(cells: int = 16, detail: int = 4) -> np.ndarray:
    """Tiling smooth noise and its gradient (times 0.2, plus 0.5): u8 [64,64,64,4]."""
    coarse = np.random.default_rng(7).random((cells,) * 3, np.float32)
    value = coarse
    for axis in range(3):
        ahead = np.roll(value, -1, axis)
        steps = np.linspace(0, 1, detail, endpoint=False, dtype=np.float32)
        blend = steps * steps * (3 - 2 * steps)
        value = np.stack([value * (1 - b) + ahead * b for b in blend], axis + 1)
        value = value.reshape([cells * detail if i <= axis else cells for i in range(3)])
    slopes = [(np.roll(value, -1, axis) - np.roll(value, 1, axis)) * detail / 2 for axis in (2, 1, 0)]
    coded = np.stack([value, *(0.5 + 0.2 * slope for slope in slopes)], -1)
    return (255 * np.clip(coded, 0, 1) + 0.5).astype(np.uint8)


def _box(values: np.ndarray) -> np.ndarray:
    """Sum over SUPER x SUPER blocks of [H*S, W*S, ...]."""
    return sum(values[y::SUPER, x::SUPER] for y in range(SUPER) for x in range(SUPER))
