# SPDX-License-Identifier: Apache-2.0
"""A frame's samples as numpy arrays, one a plane, and what can be done with them without any conversion.

Used on the film's thread. Planar YUV frames of 8 bits, or of up to 16 in little endian, only. Invariant: no sample
changes its value.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame


def planes_of(frame: VideoFrame) -> list[np.ndarray]:
    """Views that write through: luma [h, w], then the two chroma planes, each of its own size."""
    found = []
    for plane, component in zip(frame.planes, frame.format.components, strict=True):
        samples = np.frombuffer(plane, np.uint16 if component.bits > 8 else np.uint8)
        rows = samples.reshape(-1, plane.line_size // samples.itemsize)
        found.append(rows[: plane.height, : plane.width])
    return found


def turned(frame: VideoFrame, quarters: int) -> VideoFrame:
    """The frame turned counterclockwise by quarters. Its chroma must be as fine across as it is down."""
    if quarters % 4 == 0:
        return frame
    size_px = (frame.width, frame.height) if quarters % 2 == 0 else (frame.height, frame.width)
    result = like(frame, size_px)
    for into, plane in zip(planes_of(result), planes_of(frame), strict=True):
        np.copyto(into, np.rot90(plane, quarters))
    return result


def keep_samples(made: VideoFrame, source: VideoFrame, same: np.ndarray) -> None:
    """Gives `made` the source's own samples wherever `same` (bool [h, w]) holds for every pixel of the sample."""
    for into, plane in zip(planes_of(made), planes_of(source), strict=True):
        height, width = plane.shape
        down, across = -(-same.shape[0] // height), -(-same.shape[1] // width)
        np.copyto(into, plane, where=_all_of(same, down, across, (height, width)))


def like(frame: VideoFrame, size_px: tuple[int, int] | None = None) -> VideoFrame:
    """An empty frame of the same kind, at the same time."""
    made = VideoFrame(*(size_px or (frame.width, frame.height)), frame.format.name)
    made.pts, made.time_base, made.duration = frame.pts, frame.time_base, frame.duration
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    made.color_trc, made.color_primaries = frame.color_trc, frame.color_primaries
    return made


def _all_of(same: np.ndarray, down: int, across: int, shape: tuple[int, int]) -> np.ndarray:
    """bool `shape`: whether all of each block of down x across pixels are the same; blocks at the edge may be cut."""
    whole = np.ones((shape[0] * down, shape[1] * across), bool)
    whole[: same.shape[0], : same.shape[1]] = same
    return whole.reshape(shape[0], down, shape[1], across).all((1, 3))
