# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd run IN OUT`: restyles a video file with the same stages the filter uses, and keeps its sound.

Called by the command line. Invariants: every frame is rendered, in order; nothing is dropped. An engine that is named
is built before the first frame, told as it goes; one that cannot be had, and a model that cannot, are told in one line,
and the next best does the work (mirage-lsd-tiny where it knows the words).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import TINY, V1, StreamSettings
from mirage_lsd.worker.hosts import devices
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.models.config import USUAL_SIZE
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.presets.presets import wear
from mirage_lsd.worker.programs import films
from mirage_lsd.worker.programs.films.make_film import make_film
from mirage_lsd.worker.programs.films.series import SeriesReader, SeriesWriter, is_series
from mirage_lsd.worker.programs.films.stop_signals import StopSignals

if TYPE_CHECKING:
    from mirage_lsd.worker.programs.films.reader import FilmReader
    from mirage_lsd.worker.programs.films.writer import FilmWriter

def run(options) -> int:
    """Restyles options.input into options.output; returns the exit status: 0, or 128 and the signal that ended it."""
    settings = settings_of(options)
    if settings.model != V1:  # which takes any words
        look_for(settings)
    with StopSignals() as stop, _reader(options) as film:
        writer = _writer(options, film)
        try:
            pipeline, what = new_pipeline(settings, options)
            say(what)
            make_film(film, writer, lambda picture: pipeline.restyle(picture, settings), options.frames, stop)
            writer.finish()
            pipeline.flush()
        except KeyboardInterrupt:
            say("stopped, nothing was written")
            return stop.status
        finally:
            writer.discard()
        report(film, writer, pipeline, options, stop)
    return stop.status


def _reader(options) -> FilmReader | SeriesReader:
    if is_series(options.input) and is_series(options.output):
        return SeriesReader(options.input)
    films.require()
    from mirage_lsd.worker.programs.films.reader import FilmReader

    return FilmReader(options.input)


def _writer(options, film: FilmReader | SeriesReader) -> FilmWriter | SeriesWriter:
    if isinstance(film, SeriesReader):
        return SeriesWriter(options.output, options.input, options.overwrite)
    from mirage_lsd.worker.programs.films.formats import FORMATS
    from mirage_lsd.worker.programs.films.writer import FilmWriter, colours_of

    if is_series(options.output):
        colours = colours_of(film, FORMATS[".mkv"])
        return SeriesWriter(options.output, options.input, options.overwrite, colours)
    return FilmWriter(options.output, film, options.quality, options.overwrite)


def report(film: FilmReader | SeriesReader, writer: FilmWriter | SeriesWriter, pipeline: Pipeline, options,
           stop: StopSignals) -> None:  # fmt: skip
    """What was made, and all that is not as in the source."""
    for remark in writer.remarks:
        tell(remark)
    if film.damaged:
        tell(f"{options.input} is damaged: {film.damaged} of its packets could not be read")
    say(", ".join(f"{count} frames by the {engine} engine" for engine, count in pipeline.made_by.items()))
    made = f"stopped after {writer.frames} frames" if stop.number else f"{writer.frames} frames"
    say(f"{made} → {options.output} ({writer.sound})")


def settings_of(options) -> StreamSettings:
    """The command line's options as settings."""
    plain = StreamSettings(
        prompt=options.prompt, strength=options.strength, who=options.who, who_x=options.place[0],
        who_y=options.place[1], steps=options.steps, model=options.model,
        checkpoint=checkpoint_of(options), device=options.device,
        working_size=USUAL_SIZE if options.working_size == "auto" else options.working_size,
        structure_lock=options.structure_lock, edit_region=options.edit_region,
    )  # fmt: skip
    return wear(plain, options.preset)


def checkpoint_of(options) -> str:
    """The checkpoint setting for --checkpoint and --lora."""
    return f"{options.checkpoint} + {options.lora}" if options.lora else options.checkpoint


def new_pipeline(settings: StreamSettings, options) -> tuple[Pipeline, str]:
    """(a pipeline of a loaded model, what it runs). Where v1 cannot be had: tiny, and why on standard error."""
    if settings.model == V1:
        try:
            return _new_v1(settings, options)
        except MirageError as error:
            try:
                look_for(settings)
            except MirageError:
                raise error from None  # tiny does not know the words: there is no fall-back
            tell(f"{V1} cannot be used, {TINY} runs instead: {error}")
    host = EngineHost()
    host.load()
    return host.new_pipeline(live=False), f"{host.model} on {host.device}, {host.engine}"


def tell(text: str) -> None:
    """Progress and remarks, on standard error."""
    say(f"mirage-lsd: {text}", sys.stderr)


def say(text: str, stream: TextIO | None = None) -> None:
    """One line on standard output; nothing more where its terminal is gone, since the film matters more."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python fails once more when it ends


def _new_v1(settings: StreamSettings, options) -> tuple[Pipeline, str]:
    devices.check_torch(None)
    from mirage_lsd.worker.hosts.v1_host import V1Host, V1Options

    chosen = V1Options(settings.checkpoint, settings.device, options.precision, options.engine, options.diffusion_size)
    host = V1Host(chosen, notify=tell)
    host.load()
    return host.new_pipeline(live=False), f"{host.model} on {host.device}"
