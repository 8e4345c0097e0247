# SPDX-License-Identifier: Apache-2.0
"""A film's frames ↔ the pictures of the model (BGRA), by the film's own colour matrix and range, there and back.

Used on the film's thread. Invariants: both ways are exact to a level and shift no colour (ffmpeg's quick way darkens by
1.3 levels); pixels that come back as they went keep the film's own samples, in all their bits; the frames made carry
the film's colour tags, and none where it has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from mirage_lsd.worker.programs.films import FilmError
from mirage_lsd.worker.programs.films.formats import H264
from mirage_lsd.worker.programs.films.planes import keep_samples, turned

EXACT = (Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
         | Interpolation.FULL_CHR_H_INP)  # fmt: skip
# ITU-T H.273's numbers, as ffmpeg has them.
BT709, UNSPECIFIED, BT601 = 1, 2, 5
MATRICES = {BT709: 1, 4: 4, BT601: 5, 6: 5, 7: 7, 9: 9}  # to swscale's
HDR = {16: "PQ", 18: "HLG"}
HD_HEIGHT_PX = 720  # from here on untagged films are taken to be BT.709, as players do
DEEP = SHAPES_PIXELS = {H264}  # encoders of PyAV's build that take 10 bits, and that say what shape a pixel has
SQUARE = Fraction(1)


@dataclass(frozen=True)
class ColourTags:
    """What a film says of its colours, in ITU-T H.273's numbers and ffmpeg's range."""

    matrix: int
    range: int
    trc: int
    primaries: int

    def put_on(self, bearer: VideoFrame | VideoCodecContext) -> None:
        """On a frame, or on an encoder."""
        bearer.colorspace, bearer.color_range = self.matrix, self.range
        bearer.color_trc, bearer.color_primaries = self.trc, self.primaries


class Colours:
    """For all frames of one film; made from its first. pix_fmt: of the frames for the encoder; size_px: upright;
    pixel_shape: width over height of a pixel, 1 where the film does not say; tags: of the frames made."""

    def __init__(self, first: VideoFrame, encoder: str, rotation: int = 0, pixel_shape: Fraction = SQUARE) -> None:
        if first.color_trc in HDR:
            raise FilmError(f"it is HDR ({HDR[first.color_trc]}), which the models do not paint rightly; "
                            "convert it to SDR first", "hdr")  # fmt: skip
        self._quarters = round(rotation / 90) % 4
        self.stored_px = first.width, first.height
        if encoder not in SHAPES_PIXELS:
            self.stored_px, pixel_shape = _squared(self.stored_px, pixel_shape), SQUARE
        sideways = self._quarters % 2 == 1
        self.size_px = self.stored_px[::-1] if sideways else self.stored_px
        self.pixel_shape = 1 / pixel_shape if sideways else pixel_shape
        self.pix_fmt = working_format(first.format, encoder, self.size_px, sideways)
        is_rgb = first.format.is_rgb
        tagged = first.colorspace if first.colorspace in MATRICES else UNSPECIFIED
        usual = BT709 if first.height >= HD_HEIGHT_PX else BT601
        self._sws = MATRICES[usual if tagged == UNSPECIFIED else tagged]
        full = not is_rgb and (first.color_range == ColorRange.JPEG or first.format.name.startswith("yuvj"))
        self._range = ColorRange.JPEG if full else ColorRange.MPEG
        told_range = self._range if is_rgb or full else first.color_range
        matrix = usual if is_rgb else tagged  # RGB has to be told how it became YUV
        self.tags = ColourTags(matrix, told_range, first.color_trc, first.color_primaries)
        self.remarks = _losses(first, self.pix_fmt)
        self._from_film, self._to_model, self._to_film = (VideoReformatter() for _ in range(3))

    def working(self, frame: VideoFrame) -> VideoFrame:
        """A frame of the film in the encoder's format, upright, at the film's first size."""
        source = {} if frame.format.is_rgb else {"src_colorspace": self._sws, "src_color_range": self._range}
        made = self._from_film.reformat(frame, *self.stored_px, self.pix_fmt, dst_colorspace=self._sws,
                                        dst_color_range=self._range, interpolation=EXACT, **source)  # fmt: skip
        upright = turned(made, self._quarters)
        return self._tag(upright, frame)

    def bgra(self, working: VideoFrame) -> np.ndarray:
        """uint8 [h, w, 4]."""
        return self._to_model.reformat(working, format="bgra", src_colorspace=self._sws, src_color_range=self._range,
                                       interpolation=EXACT).to_ndarray()  # fmt: skip

    def painted(self, working: VideoFrame, before: np.ndarray, after: np.ndarray) -> VideoFrame:
        """`working` with what the model made of it. before, after: uint8 [h, w, 4] BGRA."""
        same = (before[..., :3] == after[..., :3]).all(2)
        if same.all():
            return working
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(after), format="bgra")
        made = self._to_film.reformat(picture, format=self.pix_fmt, dst_colorspace=self._sws,
                                      dst_color_range=self._range, interpolation=EXACT)  # fmt: skip
        keep_samples(made, working, same)
        return self._tag(made, working)

    def _tag(self, made: VideoFrame, source: VideoFrame) -> VideoFrame:
        made.pts, made.time_base, made.duration = source.pts, source.time_base, source.duration
        self.tags.put_on(made)
        return made


def _losses(first: VideoFrame, pix_fmt: str) -> list[str]:
    """What a film's pictures have and those for the encoder do not, in words."""
    components = first.format.components
    found = ["left out: its transparency"] if any(component.is_alpha for component in components) else []
    if first.interlaced_frame:
        found.append("left out: its interlacing; both fields are in each picture")
    bits = max(component.bits for component in components)
    kept = 10 if "10" in pix_fmt else 8
    return [*found, f"left out: {bits - kept} of the {bits} bits of its samples"] if bits > kept else found


def working_format(source: VideoFormat, encoder: str, size_px: tuple[int, int], is_turned: bool) -> str:
    """The planar YUV format nearest to the film's that the encoder takes."""
    bits = max(component.bits for component in source.components)
    fine = "420" if source.is_rgb else _chroma(source)
    if is_turned and fine == "422":
        fine = "444"
    odd_across, odd_down = size_px[0] % 2, size_px[1] % 2
    if encoder == H264 and ((fine == "420" and (odd_across or odd_down)) or (fine == "422" and odd_across)):
        fine = "444"  # H.264 has no half samples at the edge
    return f"yuv{fine}p" + ("10le" if bits > 8 and encoder in DEEP else "")


def _squared(size_px: tuple[int, int], pixel_shape: Fraction) -> tuple[int, int]:
    """The size in square pixels that shows the same and loses none."""
    width, height = size_px
    if pixel_shape >= 1:
        return round(width * pixel_shape), height
    return width, round(height / pixel_shape)


def _chroma(source: VideoFormat) -> str:
    """"420", "422" or "444": the nearest that loses nothing, but for what is rarer than these."""
    across, down = source.chroma_width(16), source.chroma_height(16)
    if len(source.components) < 3:  # grey, perhaps with transparency
        return "420"
    return {(8, 8): "420", (8, 16): "422", (16, 16): "444"}.get((across, down), "444" if across == 16 else "420")
