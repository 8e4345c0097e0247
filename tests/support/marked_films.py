# SPDX-License-Identifier: Apache-2.0
"""Small films with a white mark and a beep at every whole second, and where a made film has them. Uses PyAV alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

SIZE_PX = (160, 96)
MARK_PX, MARK_S = 32, 0.1
SOUND_HZ = 48000
SUBTITLE = b"hello"


def write_film(path: Path, times_s: Sequence[float] = tuple(n / 30 for n in range(75)), *, sound: str | None = "aac",
               sound_from_s: float = 0.0, subtitles: bool = False, pix_fmt: str = "yuv420p", codec: str = "libx264",
               rate: Fraction = Fraction(30), **picture) -> Path:  # fmt: skip
    """picture: what to set on the encoder's context, such as sample_aspect_ratio or colorspace; rotation: degrees."""
    rotation = picture.pop("rotation", 0)
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate, options={"crf": "12"} if codec == "libx264" else {})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = *SIZE_PX, pix_fmt
        context.time_base = Fraction(1, 90000)
        for name, value in picture.items():
            setattr(context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        beeps = film.add_stream(sound, rate=SOUND_HZ) if sound else None
        texts = film.add_mux_stream("subrip") if subtitles else None
        film.start_encoding()
        for time_s in times_s:
            frame = picture_at(time_s, pix_fmt, picture)
            frame.pts, frame.time_base = round(time_s * 90000), context.time_base
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        if beeps is not None:
            _write_beeps(film, beeps, sound_from_s, times_s[-1] + 1 / 30)
        if texts is not None:
            packet = av.Packet(SUBTITLE)
            packet.pts = packet.dts = 0
            packet.duration, packet.time_base, packet.stream = 1000, Fraction(1, 1000), texts
            film.mux(packet)
    return path


def picture_at(time_s: float, pix_fmt: str, picture: dict) -> av.VideoFrame:
    """A soft pattern that drifts, with the mark top left in the first tenth of a second."""
    across, down = np.meshgrid(np.arange(SIZE_PX[0]), np.arange(SIZE_PX[1]))
    waves = [127 + 90 * np.sin(across / 17 + time_s + k) * np.cos(down / 13 - k) for k in range(3)]
    rgb = np.stack(waves, -1).astype(np.uint8)
    rgb[:MARK_PX, :MARK_PX] = 255 if time_s % 1 < MARK_S - 1e-6 else 0
    tags = {"dst_colorspace": picture["colorspace"]} if "colorspace" in picture else {}
    if "color_range" in picture:
        tags["dst_color_range"] = picture["color_range"]
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt, interpolation=exact, **tags)


def marks_s(path: Path) -> list[float]:
    """When the mark appears."""
    with av.open(str(path)) as film:
        shown = [(each.time, each.to_ndarray(format="gray8")[8:24, 8:24].mean() > 128) for each in film.decode(video=0)]
    return [time_s for (time_s, lit), before in zip(shown, [(0, False), *shown], strict=False) if lit and not before[1]]


def beeps_s(path: Path, track: int = 0) -> list[float]:
    """When the beep begins, to 5 ms."""
    found, loud_until_s = [], -1.0
    with av.open(str(path)) as film:
        for frame in film.decode(audio=track):
            samples = np.abs(av.AudioResampler("fltp", "mono").resample(frame)[0].to_ndarray()[0])
            for first in range(0, len(samples), SOUND_HZ // 200):
                if samples[first : first + SOUND_HZ // 200].max() > 0.3:
                    time_s = frame.time + first / frame.sample_rate
                    if time_s - loud_until_s > 0.3:
                        found.append(time_s)
                    loud_until_s = time_s
    return found


def frames_of(path: Path, pix_fmt: str = "bgr24") -> np.ndarray:
    """All pictures, as int."""
    with av.open(str(path)) as film:
        return np.stack([frame.to_ndarray(format=pix_fmt) for frame in film.decode(video=0)]).astype(int)


def _write_beeps(film, stream, from_s: float, until_s: float) -> None:
    times_s = np.arange(round(from_s * SOUND_HZ), round(until_s * SOUND_HZ)) / SOUND_HZ
    samples = (0.7 * np.sin(2 * np.pi * 1000 * times_s) * (times_s % 1 < MARK_S)).astype(np.float32)
    for first in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, first : first + 1024], "fltp", "mono")
        frame.sample_rate, frame.time_base = SOUND_HZ, Fraction(1, SOUND_HZ)
        frame.pts = round(from_s * SOUND_HZ) + first
        film.mux(stream.encode(frame))
    film.mux(stream.encode(None))
