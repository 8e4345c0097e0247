# SPDX-License-Identifier: Apache-2.0
"""The demo: a real OBS Studio, a person, another outfit. Run by demo.sh: `./installers/demo.sh --help`.

Starts an OBS of its own (private settings; real or virtual screen), plays a video untouched on the left and
through the filter on the right, changes the look on the way, records OBS's program output and prints what was
measured. Needs no key press; whatever it started is ended, also on Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).parents[1] / folder) for folder in ("", "obs")]

import demo_clip
import demo_sheet
import demo_stage as stages
from demo_figures import Figures, Meter, control_block_of
from demo_options import Options, parse_options
from demo_sheet import Moment
from demo_stage import Stage
from install_places import CHECKOUT, checkout_places
from obs_scene import Source, camera_source, media_source
from obs_session import ObsSession, ObsSessionError
from obs_websocket import ObsRequestError

from mirage_lsd.shared.errors import MirageError

LOOKS = ("red leather jacket", "blue striped t-shirt", "green check shirt", "green check shirt, beach")
WORKER_START_S = 150.0
LAGGED_TOO_MUCH = 0.10
LARGE_AND_SMALL_PX = (360, 270)  # height of each half
FAULTS = (ObsSessionError, ObsRequestError, demo_sheet.SheetError, MirageError, OSError)


def say(text: str) -> None:
    print(f"[demo] {text}", flush=True)


def main() -> int:
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, interrupt_once)
    try:
        figures = run_demo(options)
    except FAULTS as error:
        print(f"[demo] {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    report(figures, options)
    return 0


def interrupt_once(*_: object) -> None:
    """The first Ctrl-C ends the demo; a second one must not interrupt the tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def video_source(options: Options) -> tuple[Source, float]:
    """The webcam, the user's file, or the clip that comes with a package; and its width over height."""
    if options.camera:
        return camera_source(stages.VIDEO, options.camera), demo_clip.WIDE
    file = options.file or demo_clip.default_clip(CHECKOUT / ".cache" / "clips")
    return media_source(stages.VIDEO, file), demo_clip.shape_of(file)


def run_demo(options: Options) -> Figures:
    """Try the larger stage where there is a display, and the smaller where OBS cannot keep up with it."""
    video, shape = video_source(options)
    options.out.mkdir(parents=True, exist_ok=True)
    heights_px = LARGE_AND_SMALL_PX if os.environ.get("DISPLAY") else LARGE_AND_SMALL_PX[1:]
    for height_px in heights_px:
        last = height_px == heights_px[-1]
        figures = run_stage(options, stages.stage_for(shape, height_px), video, last)
        if figures is not None:
            return figures
        say("OBS cannot keep up at this size: trying a smaller one")
    raise AssertionError("the last size is always used")


def run_stage(options: Options, stage: Stage, video: Source, last: bool) -> Figures | None:
    """One OBS on one size; None when it lags and a smaller size is left to try."""
    loaded = stages.collection(stage, video, CHECKOUT, LOOKS[0])
    environment = {"MIRAGE_LSD_INSTALL": str(checkout_places().record)}
    with tempfile.TemporaryDirectory(prefix="mirage-lsd-demo-") as folder:
        seen = bool(os.environ.get("DISPLAY"))  # nobody looks at a virtual screen: its preview is for nothing
        session = ObsSession(Path(folder), loaded, stage.video, environment, not seen, preview=seen)
        with session as obs:
            where = "a virtual screen" if obs.display.virtual else f"display {obs.display.name}"
            say(f"starting OBS on {where}, {stage}")
            obs.start()
            stages.fill_halves(obs, stage)
            say("OBS is up; the worker is loading the model")
            with closing(wait_for_filter(obs)) as meter:
                if not last and lagging(obs):
                    return None
                return record(options, obs, meter)


def wait_for_filter(obs: ObsSession) -> Meter:
    """Wait until the processed picture is shown; says the filter's status whenever it changes."""
    path = obs.wait_until(lambda: control_block_of(obs.pid), "the Mirage LSD script to start", 30)
    meter = Meter(path)
    told = ""

    def shown() -> bool:
        nonlocal told
        if meter.status != told:
            told = meter.status
            say(f"filter: {told}")
        return meter.steady

    try:
        obs.wait_until(shown, "the filter's first picture", WORKER_START_S)
    except ObsSessionError as error:
        meter.close()
        raise ObsSessionError(f"the filter passes the video through: {told}\n{error}") from None
    return meter


def lagging(obs: ObsSession, seconds: float = 3.0) -> bool:
    before = obs.request("GetStats")
    time.sleep(seconds)
    after = obs.request("GetStats")
    frames = after["renderTotalFrames"] - before["renderTotalFrames"]
    return after["renderSkippedFrames"] - before["renderSkippedFrames"] > LAGGED_TOO_MUCH * max(1, frames)


def record(options: Options, obs: ObsSession, meter: Meter) -> Figures:
    """Record while the look changes, then close OBS and gather what it left."""
    lagged_before = obs.request("GetStats")["renderSkippedFrames"]
    obs.request("StartRecord")
    meter.begin()
    each_s = options.seconds / len(LOOKS)
    moments: list[Moment] = []
    for number, look in enumerate(LOOKS):
        say(f"look: {look}")
        if number:
            stages.wear(obs, look)
        began_s = recorded_s(obs)
        follow(meter, each_s)
        lasted_s = recorded_s(obs) - began_s
        moments += [Moment(began_s + part * lasted_s, look) for part in (0.55, 0.95)]
    fps, (processed, dropped) = meter.fps, meter.counts()
    if not processed:
        raise ObsSessionError(f"the filter showed no processed frame: {meter.status}")
    lagged = obs.request("GetStats")["renderSkippedFrames"] - lagged_before
    model, device = meter.model_and_device()
    recording = options.out / "recording.mkv"
    made = Path(obs.request("StopRecord")["outputPath"])
    obs.wait_until(lambda: not obs.request("GetRecordStatus")["outputActive"], "OBS to finish the recording")
    obs.quit()
    shutil.move(made, recording)
    sheet = options.out / "contact-sheet.png"
    demo_sheet.write_sheet(recording, moments, sheet)
    return Figures(
        round(fps, 2), *(round(meter.latency_ms(p), 1) for p in (50, 95, 99)),
        processed, dropped, lagged, str(recording), str(sheet), device, model,
    )


def recorded_s(obs: ObsSession) -> float:
    """How long the recording is by now: less than the time that passed when OBS lags."""
    return obs.request("GetRecordStatus")["outputDuration"] / 1000


def follow(meter: Meter, seconds: float) -> None:
    """Let it run, and say every other second how it goes."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(2.0, left))
        meter.poll()
        styled = "" if meter.styled else ", passing the video through"
        say(f"  {meter.fps:5.1f} fps, {meter.latency_ms(50):4.0f} ms captured to shown{styled}")


def report(figures: Figures, options: Options) -> None:
    """Print the figures, and write them where --json says."""
    print(
        f"""
  {figures.fps:.1f} processed frames a second on {figures.device} with {figures.model}
  captured to shown: {figures.latency_ms_p50:.0f} ms (p95 {figures.latency_ms_p95:.0f}, \
p99 {figures.latency_ms_p99:.0f})
  {figures.frames_processed} frames processed, {figures.frames_dropped} dropped for newer ones, \
{figures.obs_lagged_frames} lagged in OBS
  recording:     {figures.recording}
  contact sheet: {figures.contact_sheet}
""",
        flush=True,
    )
    if options.json_file:
        options.json_file.write_text(json.dumps(figures.to_json(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
