# SPDX-License-Identifier: Apache-2.0
"""Sound and subtitles on their way from one film into another: as they are, or the sound encoded anew.

Used on the film's thread. Invariants: a track keeps its times and its language; sound that the new file does not take
is encoded, never dropped; a track that cannot be had is told by name.
"""

from __future__ import annotations

from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from mirage_lsd.worker.programs.films.formats import FilmFormat
from mirage_lsd.worker.programs.films.reader import name_of

RATES_HZ = {"aac": (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350),
            "libopus": (48000,)}  # fmt: skip
BITS_A_CHANNEL = 96_000
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}  # that both encoders take


class CopiedTrack:
    """Packets as they are."""

    def __init__(self, film: OutputContainer, source: Stream, begins: Fraction) -> None:
        self.made = film.add_stream_from_template(source)
        describe(self.made, source)
        self._begins = begins
        self.how = "as it is"

    def take(self, packet: Packet) -> list[Packet]:
        """What to write for a packet of the source."""
        late = round(self._begins / packet.time_base)
        packet.pts = packet.pts - late if packet.pts is not None else None
        packet.dts = packet.dts - late if packet.dts is not None else None
        packet.stream = self.made
        return [packet]

    def rest(self) -> list[Packet]:
        """What is left to write at the end."""
        return []


class EncodedTrack:
    """Sound decoded and encoded anew. damaged: how many of its packets could not be decoded."""

    def __init__(self, film: OutputContainer, source: AudioStream, begins: Fraction, encoder: str) -> None:
        rate_hz = source.codec_context.sample_rate
        rates_hz = RATES_HZ[encoder]
        channels = min(max(source.codec_context.layout.nb_channels, 1), max(LAYOUTS))
        self.made = film.add_stream(encoder, rate=rate_hz if rate_hz in rates_hz else 48000)
        self.made.codec_context.layout = LAYOUTS[channels]
        self.made.codec_context.bit_rate = BITS_A_CHANNEL * channels
        describe(self.made, source)
        self._begins = begins
        self.damaged = 0
        self.how = f"encoded as {encoder.removeprefix('lib').upper()}"

    def take(self, packet: Packet) -> list[Packet]:
        """What to write for a packet of the source."""
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self.damaged += 1
            return []
        made = []
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._begins / frame.time_base)
            made += self.made.encode(frame)
        return made

    def rest(self) -> list[Packet]:
        """What is left to write at the end."""
        return self.made.encode(None)


def new_track(film: OutputContainer, source: Stream, begins: Fraction, wanted: FilmFormat
              ) -> CopiedTrack | EncodedTrack | None:  # fmt: skip
    """The way for one track, None where there is none."""
    if source.codec_context is None:
        return None
    names = {source.codec_context.name, source.codec_context.codec.canonical_name}  # mp3float is a decoder of mp3
    if names & (film.supported_codecs if wanted.keeps is None else wanted.keeps):
        return CopiedTrack(film, source, begins)
    return EncodedTrack(film, source, begins, wanted.sound) if source.type == "audio" else None


def describe(made: Stream, source: Stream) -> None:
    """Language, title and rank of a stream."""
    for key in ("language", "title", "handler_name"):
        if key in source.metadata:
            made.metadata[key] = source.metadata[key]
    made.disposition = source.disposition


def left_out(source: Stream, suffix: str) -> str:
    """The remark about a track that does not go into such a file."""
    return f"left out: {name_of(source)}, which {suffix} does not take"
