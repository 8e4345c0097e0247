# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd run IN OUT`: restyles a video file with the same stages the filter uses, and keeps its sound.

Called by the command line. Invariants: every frame is rendered, in order; nothing is dropped. An engine that is named
is built before the first frame, told as it goes; one that cannot be had, and a model that cannot, are told in one line,
and the next best does the work (mirage-lsd-tiny where it knows the words).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.settings import TINY, V1, StreamSettings
from mirage_lsd.worker import devices
from mirage_lsd.worker.engine_host import EngineHost
from mirage_lsd.worker.looks import look_for
from mirage_lsd.worker.models.config import USUAL_SIZE
from mirage_lsd.worker.pictures import FilePictures, VideoFileError
from mirage_lsd.worker.presets import wear
from mirage_lsd.worker.restyler import Restyler, Restyles


def run(options) -> int:
    """Restyles options.input into options.output; returns how many frames were written."""
    settings = settings_of(options)
    if settings.model != V1:  # which takes any words
        look_for(settings)
    pictures = FilePictures(options.input)
    silent = options.output.with_name(f".{options.output.stem}-{os.getpid()}{options.output.suffix}")
    writer = cv2.VideoWriter(str(silent), cv2.VideoWriter_fourcc(*"mp4v"), pictures.fps, pictures.size_px)
    if not writer.isOpened():
        raise VideoFileError(f"{options.output} cannot be written; choose a folder you may write to and end in .mp4")
    try:
        frames = _restyle(pictures, writer, settings, options)
        writer.release()
        sound = add_sound(silent, options.input, options.output, frames / pictures.fps)
    finally:
        writer.release()
        silent.unlink(missing_ok=True)
    print(f"{frames} frames → {options.output} ({sound})")
    return frames


def settings_of(options) -> StreamSettings:
    """The command line's options as settings."""
    plain = StreamSettings(
        prompt=options.prompt, strength=options.strength, steps=options.steps, model=options.model,
        checkpoint=checkpoint_of(options), device=options.device,
        working_size=USUAL_SIZE if options.working_size == "auto" else options.working_size,
        structure_lock=options.structure_lock, edit_region=options.edit_region,
    )  # fmt: skip
    return wear(plain, options.preset)


def checkpoint_of(options) -> str:
    """The checkpoint setting for --checkpoint and --lora."""
    return f"{options.checkpoint} + {options.lora}" if options.lora else options.checkpoint


def new_restyler(settings: StreamSettings, options) -> tuple[Restyles, str]:
    """(a loaded restyler, what it runs). Where v1 cannot be had: tiny, and why on standard error."""
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
    return Restyler(host), f"{host.model} on {host.device}, {host.engine}"


def tell(text: str) -> None:
    """Progress and remarks, on standard error."""
    print(f"mirage-lsd: {text}", file=sys.stderr, flush=True)


def add_sound(silent: Path, source: Path, output: Path, seconds: float) -> str:
    """Puts the source's sound (of that length) to the pictures, by ffmpeg; returns what became of it, in words."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        shutil.move(silent, output)
        return "without its sound: ffmpeg is not installed"
    command = [ffmpeg, "-y", "-loglevel", "error", "-i", str(silent), "-i", str(source), "-map", "0:v", "-map", "1:a?",
               "-c", "copy", "-t", f"{seconds:.3f}", str(output)]  # fmt: skip
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        reason = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        shutil.move(silent, output)
        return f"without its sound: ffmpeg says {reason}"
    return "with its sound" if _has_sound(ffmpeg, output) else "the source has no sound"


def _has_sound(ffmpeg: str, path: Path) -> bool:
    ran = subprocess.run([ffmpeg, "-hide_banner", "-i", str(path)], capture_output=True, text=True, check=False)
    return " Audio: " in ran.stderr


def _restyle(pictures: FilePictures, writer: cv2.VideoWriter, settings: StreamSettings, options) -> int:
    restyle, what = new_restyler(settings, options)
    print(what)
    for frames, picture in enumerate(pictures, 1):
        writer.write(restyle(picture, settings)[..., :3])
        if frames == options.frames:
            break
    restyle.close()
    print(", ".join(f"{count} frames by the {engine} engine" for engine, count in restyle.made_by.items()))
    return restyle.made_by.total()


def _new_v1(settings: StreamSettings, options) -> tuple[Restyles, str]:
    devices.check_torch(None)
    from mirage_lsd.worker.restyler import V1Restyler
    from mirage_lsd.worker.v1_host import V1Host, V1Options

    chosen = V1Options(settings.checkpoint, settings.device, options.precision, options.engine, options.diffusion_size)
    host = V1Host(chosen, told=tell)
    host.load()
    return V1Restyler(host), f"{host.model} on {host.device}"
