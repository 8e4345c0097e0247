# SPDX-License-Identifier: Apache-2.0
"""A film that is written: pictures through the encoder, sound and subtitles beside them, all that the source says.

Used on the film's thread. Invariants: the film gets its name only once it is whole and closed; a film of which no
picture was written, or that could not be written, leaves nothing behind; times are the source's.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame

from mirage_lsd.worker.programs.films import FilmError
from mirage_lsd.worker.programs.films.colours import SQUARE, Colours
from mirage_lsd.worker.programs.films.formats import QUALITY, FilmFormat, encoder_options, format_of
from mirage_lsd.worker.programs.films.reader import FilmReader, name_of
from mirage_lsd.worker.programs.films.target import Target
from mirage_lsd.worker.programs.films.tracks import describe, left_out, new_track
from mirage_lsd.worker.programs.films.transparency import without_alpha

MOST_TIMES_THE_BITRATE = 2.7  # of the source, where the user names no quality; 3 with what x264 may go over it


class FilmWriter:
    """frames: how many pictures were taken; remarks: what is not as in the source; sound: what became of it."""

    def __init__(self, path: Path, source: FilmReader, quality: int | None, overwrite: bool) -> None:
        wanted = format_of(path)
        self._source = source
        self._colours = colours_of(source, wanted)
        self.frames = 0
        self._muxed = 0  # of the frames: the encoder holds the newest back
        self.remarks = list(self._colours.remarks)
        self._ends_s: Fraction | None = None
        self._unfinished: set[int] = set()
        self._shown_until_s = Fraction(0)
        self._target = Target(path, source.path, overwrite)
        try:
            self._film = av.open(self._target, "w", format=wanted.muxer)
            self._pictures = self._new_pictures(wanted.pictures, quality)
            self._tracks = self._new_tracks(wanted, path.suffix)
            self._describe()
            self._film.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            self._target.discard()
            raise self._target.refusal(error, 1.0) from error

    @property
    def sound(self) -> str:
        """In words."""
        ways = sorted({track.how for track in self._tracks.values() if track.made.type == "audio"})
        if not ways:
            return "the source has no sound"
        return "with its sound" + "".join(f", {way}" for way in ways if way != "as it is")

    def bgra(self, working: VideoFrame) -> np.ndarray:
        """A picture of the source for the model."""
        return self._colours.bgra(working)

    def working(self, frame: VideoFrame) -> VideoFrame:
        """A picture of the source, upright, as the encoder will have it."""
        return self._colours.working(frame)

    def add_picture(self, working: VideoFrame, before: np.ndarray, after: np.ndarray) -> None:
        """The next picture: `working` with what changed between `before` and `after`, uint8 [h, w, 4] BGRA."""
        after = without_alpha(after, "a film", "numbered pictures (.png) do", self.remarks)
        self._shown_until_s = (working.pts + working.duration) * working.time_base
        self._write(self._pictures.encode(self._colours.painted(working, before, after)))
        self.frames += 1

    def add_packet(self, packet: Packet) -> None:
        """Sound or a subtitle of the source."""
        track = self._tracks.get(packet.stream.index)
        if track is None or packet.dts is None:
            return
        begins_s = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base - self._source.begins
        if self._ends_s is None or begins_s < self._ends_s:
            self._write(track.take(packet))
        else:
            self._unfinished.discard(packet.stream.index)

    def end_pictures(self) -> None:
        """No more pictures come: sound ends with the last one."""
        self._ends_s = self._shown_until_s
        self._unfinished = {index for index, track in self._tracks.items() if track.made.type == "audio"}

    @property
    def is_whole(self) -> bool:
        """Whether the pictures have been ended and all of their sound is there."""
        return self._ends_s is not None and not self._unfinished

    def finish(self) -> None:
        """Closes the film and gives it its name. Raises FilmError."""
        self._write(self._pictures.encode(None))
        for track in self._tracks.values():
            self._write(track.rest())
        try:
            self._film.close()
            if self._target.failed is not None:
                raise self._target.failed
            self._target.keep()
        except (av.FFmpegError, OSError) as error:
            raise self._refusal(error) from error

    def discard(self) -> None:
        """Gives the film up, unless it is finished. Leaves nothing behind."""
        self._target.discard()

    def _write(self, packets: list[Packet]) -> None:
        try:
            for packet in packets:
                self._film.mux(packet)
                self._muxed += packet.stream is self._pictures
        except (av.FFmpegError, OSError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> FilmError:
        return self._target.refusal(error, self._muxed / max(self._source.total, self.frames, 1))

    def _new_pictures(self, encoder: str, quality: int | None):
        options = encoder_options(encoder, QUALITY, self._most_bitrate()) if quality is None else (
            encoder_options(encoder, quality))  # fmt: skip
        made = self._film.add_stream(encoder, rate=self._source.rate, options=options)
        context, colours = made.codec_context, self._colours
        context.width, context.height = colours.size_px
        context.pix_fmt, context.time_base = colours.pix_fmt, self._source.first.time_base
        colours.tags.put_on(context)
        context.sample_aspect_ratio = colours.pixel_shape
        describe(made, self._source.picture)
        return made

    def _most_bitrate(self) -> int:
        """0 where the source does not say how large it is."""
        film, stream = self._source.film, self._source.picture
        return round((stream.bit_rate or film.bit_rate or 0) * MOST_TIMES_THE_BITRATE)

    def _new_tracks(self, wanted: FilmFormat, suffix: str) -> dict:
        found = {}
        for one in self._source.tracks:
            track = new_track(self._film, one, self._source.begins, wanted)
            if track is None:
                self.remarks.append(left_out(one, suffix))
            else:
                found[one.index] = track
        self.remarks += [f"left out: {name_of(one)}" for one in self._source.others]
        return found

    def _describe(self) -> None:
        kept = {key: text for key, text in self._source.film.metadata.items() if key not in _CONTAINERS_OWN}
        self._film.metadata.update(kept)
        if chapters := self._source.film.chapters():
            self._film.set_chapters(chapters)


_CONTAINERS_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "ENCODER"}


def colours_of(source: FilmReader, wanted: FilmFormat) -> Colours:
    """For a film that is read and an encoder. Raises FilmError where the models cannot paint it."""
    try:
        shape = source.picture.sample_aspect_ratio or SQUARE
        return Colours(source.first, wanted.pictures, source.first.rotation, shape)
    except FilmError as error:
        raise FilmError(f"{source.path} is not restyled: {error}", error.code) from error
