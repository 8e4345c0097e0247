# SPDX-License-Identifier: Apache-2.0
"""What each kind of film file takes: H.264 or VP9 pictures, which sound and subtitles as they are, which sound instead.

Invariant: a file holds only what its usual players play, which is less than ffmpeg would write into it (sound as PCM or
FLAC in an .mp4, for example).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirage_lsd.worker.programs.films import FilmError

H264, VP9 = "libx264", "libvpx-vp9"
WORST_CRF = {H264: 51, VP9: 63}
QUALITY = 80  # of 100; H.264's constant rate factor 10: a film that is left alone keeps 45 dB and more


@dataclass(frozen=True)
class FilmFormat:
    """muxer, pictures, sound: ffmpeg's names of the container and of the encoders. keeps: codecs of sound and subtitles
    that go in as they are; None: all that the container can hold."""

    muxer: str
    pictures: str
    sound: str
    keeps: frozenset[str] | None


_MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"})
_MP4 = FilmFormat("mp4", H264, "aac", _MP4_SOUND | {"mov_text"})
_PCM = frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le"})
FORMATS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": FilmFormat("mov", H264, "aac", (_MP4_SOUND - {"opus"}) | {"mov_text"} | _PCM),
    ".mkv": FilmFormat("matroska", H264, "aac", None),
    ".webm": FilmFormat("webm", VP9, "libopus", frozenset({"opus", "vorbis", "webvtt"})),
}


def format_of(path: Path) -> FilmFormat:
    """The format that a file's name asks for. Raises FilmError."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise FilmError(f"{path} cannot be written: end its name in {', '.join(FORMATS)}", "bad_output")
    return found


def encoder_options(encoder: str, quality: int, most_bitrate: int = 0) -> dict[str, str]:
    """The encoder's settings for a quality of 0 to 100, 100 losing next to nothing. most_bitrate: 0 for no limit."""
    crf = str(round(WORST_CRF[encoder] * (1 - quality / 100)))
    if encoder == VP9:
        return {"crf": crf, "b": str(most_bitrate), "deadline": "good", "cpu-used": "4", "row-mt": "1"}
    limit = {"maxrate": str(most_bitrate), "bufsize": str(most_bitrate // 2)} if most_bitrate else {}
    return {"crf": crf, "preset": "fast", **limit}
