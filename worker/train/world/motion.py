# SPDX-License-Identifier: Apache-2.0
"""Random body shapes, poses in motion and cameras, all drawn from one generator per clip.

Called by generate.py. Invariant: neighbouring frames differ by what 1/25 to 1/15 s of natural motion
gives, so flow stays within some tens of pixels.
"""

from dataclasses import dataclass

import numpy as np

CROPS = (("bust", 0.60), ("half", 0.25), ("full", 0.15))
ARM_POSES = ("hang", "desk", "gesture", "wave", "hips")


@dataclass(frozen=True)
class Motion:
    """rotations: bone -> f32 [T,3,3] in world axes of the rest pose; lift: root translation f32 [T,3] m."""

    rotations: dict[str, np.ndarray]
    lift: np.ndarray


@dataclass(frozen=True)
class Camera:
    """view_projection f32 [4,4] (world to clip, column vectors) and eye position f32 [3] in metres."""

    view_projection: np.ndarray
    eye: np.ndarray


def rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices f32 [...,3,3] from xyz Euler angles in degrees [...,3], z applied last."""
    x, y, z = np.moveaxis(np.radians(angles), -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)

    def matrix(*rows: np.ndarray) -> np.ndarray:
        return np.stack(rows, -1).reshape(*x.shape, 3, 3)

    about_x = matrix(one, zero, zero, zero, np.cos(x), -np.sin(x), zero, np.sin(x), np.cos(x))
    about_y = matrix(np.cos(y), zero, np.sin(y), zero, one, zero, -np.sin(y), zero, np.cos(y))
    about_z = matrix(np.cos(z), -np.sin(z), zero, np.sin(z), np.cos(z), zero, zero, zero, one)
    return (about_z @ about_y @ about_x).astype(np.float32)


def sample_phenotype(rng: np.random.Generator) -> dict[str, float]:
    """An adult (sometimes teenage) body: label -> 0..1."""
    gender = float(np.clip(rng.choice([0.08, 0.92]) + rng.normal(0, 0.08), 0, 1))
    origin = rng.dirichlet((0.7, 0.7, 0.7))
    return {
        "african": float(origin[0]),
        "asian": float(origin[1]),
        "caucasian": float(origin[2]),
        "cupsize": float(rng.uniform(0.3, 0.65)),
        "firmness": 0.5,
        "gender": gender,
        "age": float(rng.uniform(0.58, 0.95)),
        "muscle": float(rng.uniform(0.25, 0.8)),
        "weight": float(np.clip(rng.normal(0.5, 0.18), 0.1, 0.95)),
        "height": float(rng.uniform(0.3, 0.75)),
        "proportions": float(rng.uniform(0.3, 0.9)),
    }


def _track(
    rng: np.random.Generator,
    times: np.ndarray,
    centre: tuple,
    spread: tuple,
    amplitude: tuple,
    rate: tuple[float, float] = (0.25, 1.3),
) -> np.ndarray:
    """Euler angles f64 [T,3]: a random rest angle plus a slow random sine per axis, in degrees."""
    base = np.asarray(centre, float) + rng.normal(size=3) * np.asarray(spread)
    frequency, phase = rng.uniform(*rate, 3), rng.uniform(0, 2 * np.pi, 3)
    swing = np.asarray(amplitude) * rng.uniform(0.2, 1, 3)
    return base + swing * np.sin(2 * np.pi * frequency * times[:, None] + phase)


def _arm(rng: np.random.Generator, times: np.ndarray, kind: str, sign: float) -> dict[str, np.ndarray]:
    """Upper and lower arm angles of one side; sign +1 left, -1 right."""
    upper = {
        "hang": (0, 30, 0),
        "desk": (-22, 26, 4),
        "gesture": (-28, 24, 8),
        "wave": (-30, -18, 10),
        "hips": (12, 8, 0),
    }[kind]
    lower = {
        "hang": (4, 6, 0),
        "desk": (-38, 22, 8),
        "gesture": (-62, 4, 10),
        "wave": (-78, -30, 0),
        "hips": (0, 42, 28),
    }[kind]
    lively = {"hang": 3, "desk": 4, "gesture": 14, "wave": 16, "hips": 2}[kind]
    mirror = np.array([1, sign, sign])
    return {
        "upperarm01": _track(rng, times, upper, (5, 5, 4), (lively * 0.6,) * 3) * mirror,
        "lowerarm01": _track(rng, times, lower, (8, 6, 6), (lively,) * 3, (0.5, 2.0)) * mirror,
        "wrist": _track(rng, times, (0, 0, 0), (8, 8, 8), (lively, lively, lively)) * mirror,
    }


def _walk(times: np.ndarray, stride: float, phase: float) -> dict[str, np.ndarray]:
    """Leg swing angles of a plain walk, stride in degrees."""
    tracks, zero = {}, np.zeros_like(times)
    for side, offset in (("L", 0.0), ("R", np.pi)):
        cycle = 2 * np.pi * 0.9 * times + phase + offset
        tracks[f"upperleg01.{side}"] = np.stack([-stride * np.sin(cycle), zero, zero], 1)
        tracks[f"lowerleg01.{side}"] = np.stack([stride * (1 + np.cos(cycle)), zero, zero], 1)
    return tracks


def sample_motion(rng: np.random.Generator, frames: int, crop: str) -> Motion:
    """Pose tracks of one clip: head and torso sway, arm gestures, walking for full-body crops."""
    times = np.arange(frames) / rng.uniform(15, 25)
    arms = {
        "bust": (0.4, 0.28, 0.2, 0.08, 0.04),
        "half": (0.25, 0.3, 0.25, 0.1, 0.1),
        "full": (0.5, 0.05, 0.2, 0.1, 0.15),
    }[crop]
    turn = float(np.clip(rng.normal(0, 16), -48, 48))
    tracks = {
        "root": _track(rng, times, (0, 0, turn), (2, 2, 0), (1, 1, 4)),
        "spine03": _track(rng, times, (0, 0, 0), (3, 3, 4), (2, 2, 3)),
        "neck01": _track(rng, times, (0, 0, -turn * 0.2), (4, 3, 6), (2, 2, 6)),
        "head": _track(rng, times, (-1, 0, -turn * 0.3), (6, 5, 10), (6, 4, 10)),
    }
    for side, sign in (("L", 1.0), ("R", -1.0)):
        kind = str(rng.choice(ARM_POSES, p=arms))
        tracks |= {f"{bone}.{side}": value for bone, value in _arm(rng, times, kind, sign).items()}
    tracks["eye.L"] = tracks["eye.R"] = _track(rng, times, (0, 0, 0), (3, 0, 0), (2, 0, 4))
    lift = _track(rng, times, (0, 0, 0), (0, 0, 0), (0.012, 0.012, 0.006))
    if crop == "full" and rng.random() < 0.7:
        tracks |= _walk(times, rng.uniform(8, 24), rng.uniform(0, 6))
        lift = lift + np.outer(times, [rng.normal(0, 0.3), rng.normal(0, 0.15), 0]) / max(1.0, times[-1])
    return Motion({bone: rotation(angles) for bone, angles in tracks.items()}, lift.astype(np.float32))


def sample_crop(rng: np.random.Generator) -> str:
    """bust, half or full, in the shares of CROPS."""
    return str(rng.choice([name for name, _ in CROPS], p=[share for _, share in CROPS]))


def sample_camera(rng: np.random.Generator, crop: str, joints: dict[str, np.ndarray]) -> Camera:
    """Frame the person: joints maps head and neck to f32 [3] positions of the first frame."""
    head, neck = joints["head"], joints["neck01"]
    near = rng.random() < 0.15
    height = {
        "bust": rng.uniform(0.38, 0.45) if near else rng.uniform(0.44, 0.66),
        "half": rng.uniform(0.75, 1.15),
        "full": rng.uniform(1.7, 2.1),
    }[crop]
    middle = {
        "bust": head + [0, 0, 0.24 - 0.5 * height - 0.0],
        "half": head + [0, 0, 0.25 - 0.5 * height],
        "full": np.array([head[0], head[1], head[2] + 0.3 - 0.5 * height]),
    }[crop]
    target = middle + np.array([rng.normal(0, 0.13) * height, 0, rng.normal(-0.03, 0.045) * height])
    field = np.radians(rng.uniform(22, 48))
    distance = height / (2 * np.tan(field / 2))
    tilt, swing = np.radians(rng.normal(0, 7)), np.radians(rng.normal(0, 6))
    eye = target + distance * np.array(
        [np.sin(swing) * np.cos(tilt), -np.cos(swing) * np.cos(tilt), np.sin(tilt)]
    )
    return Camera(
        _projection(field, neck, eye) @ _look_at(eye, target, np.radians(rng.normal(0, 2.5))),
        eye.astype(np.float32),
    )


def _look_at(eye: np.ndarray, target: np.ndarray, roll: float) -> np.ndarray:
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [np.sin(roll), 0, np.cos(roll)])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, forward), -forward])
    view = np.eye(4, dtype=np.float32)
    view[:3, :3], view[:3, 3] = axes, -axes @ eye
    return view


def _projection(field: float, near_point: np.ndarray, eye: np.ndarray, aspect: float = 16 / 9) -> np.ndarray:
    distance = float(np.linalg.norm(near_point - eye))
    near, far, scale = max(0.05, distance - 1.2), distance + 2.5, 1 / np.tan(field / 2)
    matrix = np.zeros((4, 4), np.float32)
    matrix[0, 0], matrix[1, 1] = scale / aspect, scale
    matrix[2, 2], matrix[2, 3], matrix[3, 2] = (
        -(far + near) / (far - near),
        -2 * far * near / (far - near),
        -1,
    )
    return matrix
