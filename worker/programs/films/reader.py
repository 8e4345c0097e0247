# SPDX-License-Identifier: Apache-2.0
"""A film that is read: its pictures in order, the packets of its sound and subtitles between them, and what it says.

Used on the film's thread. Invariants: pictures come at their own times and every one comes; times are counted from the
film's own beginning, the same for all its streams; what cannot be read is counted, not hidden.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame

from mirage_lsd.worker.programs.films import FilmError

MICROSECONDS = 1_000_000
FALLBACK_FPS = Fraction(30)


class FilmReader:
    """picture: the stream of pictures; tracks: those of sound and subtitles; others: what is not read at all.

    first: the first picture; damaged: how many packets could not be read; pictures_wanted: set to False to have only
    the packets from there on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.film = _opened(path)
        shown = [one for one in self.film.streams.video if not one.disposition & Disposition.attached_pic]
        if not shown:
            self.film.close()
            raise FilmError(f"{path} cannot be read: there is no video in it")
        self.picture = shown[0]
        self.picture.thread_type = "AUTO"
        self.tracks = [one for one in self.film.streams if one.type in ("audio", "subtitle")]
        self.others = [one for one in self.film.streams if one is not self.picture and one not in self.tracks]
        self.begins = Fraction(self.film.start_time or 0, MICROSECONDS)
        self.damaged = 0
        self.pictures_wanted = True
        self._last_pts: int | None = None
        self._coming = self._read()
        self._ahead: deque[VideoFrame | Packet] = deque()
        self.first = self._find_first()

    def __enter__(self) -> FilmReader:
        return self

    def __exit__(self, *_error: object) -> None:
        self._coming.close()
        self.film.close()

    @staticmethod
    def is_picture(item: VideoFrame | Packet) -> bool:
        """Whether an item is a picture, not a packet of another stream."""
        return isinstance(item, VideoFrame)

    def items(self) -> Iterator[VideoFrame | Packet]:
        """Pictures and packets, as they lie in the file."""
        while self._ahead:
            item = self._ahead.popleft()
            if isinstance(item, Packet) or self.pictures_wanted:
                yield item
        yield from self._coming

    def _find_first(self) -> VideoFrame:
        for item in self._coming:
            self._ahead.append(item)
            if isinstance(item, VideoFrame):
                return item
        self.film.close()
        raise FilmError(f"{self.path} cannot be read: none of its pictures can be decoded")

    def _read(self) -> Iterator[VideoFrame | Packet]:
        packets = self.film.demux([self.picture, *self.tracks])
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                self.damaged += 1
                return
            if packet.stream is self.picture:
                yield from self._pictures_of(packet)
            elif packet.size:
                yield packet

    def _pictures_of(self, packet: Packet) -> Iterator[VideoFrame]:
        if not self.pictures_wanted:
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            if self.pictures_wanted:
                yield self._timed(frame)

    def _timed(self, frame: VideoFrame) -> VideoFrame:
        """With a time counted from the film's beginning, after the picture before it."""
        step = max(1, round(1 / self.rate / frame.time_base))
        if frame.pts is None:
            pts = 0 if self._last_pts is None else self._last_pts + step
        else:
            pts = frame.pts - round(self.begins / frame.time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        frame.pts = self._last_pts = pts
        frame.duration = frame.duration or step
        return frame

    @property
    def rate(self) -> Fraction:
        """Pictures a second, as the film says."""
        return self.picture.average_rate or self.picture.base_rate or FALLBACK_FPS

    @property
    def total(self) -> int:
        """How many pictures there are, 0 where the film does not say."""
        if self.picture.frames:
            return self.picture.frames
        stream_s = self.picture.duration * self.picture.time_base if self.picture.duration else Fraction(0)
        film_s = Fraction(self.film.duration or 0, MICROSECONDS)
        return round((stream_s or film_s) * self.rate)


def name_of(stream: Stream) -> str:
    """A stream in words: "subtitles (subrip, eng)"."""
    kind = {"audio": "sound", "subtitle": "subtitles", "video": "a second picture"}.get(stream.type, stream.type)
    if stream.type == "video" and stream.disposition & Disposition.attached_pic:
        kind = "the cover picture"
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    return f"{kind} ({', '.join(filter(None, (codec, stream.metadata.get('language', ''))))})".removesuffix(" ()")


def _opened(path: Path):
    try:
        return av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        if not path.exists() and "%" not in path.name:
            raise FilmError(f"{path} cannot be read: it does not exist") from error
        reason = "ffmpeg finds no video in it" if isinstance(error, ValueError) else error.strerror
        raise FilmError(f"{path} cannot be read: {reason}") from error
