# SPDX-License-Identifier: Apache-2.0
"""The demo's stage in OBS: the video untouched on the left, through the filter on the right.

Called by demo.py. The video is one source in two nested scenes, so both halves play the same frame; the
filter is on the right-hand scene. The halves have the video's shape, from 4:3 to 16:9, and it fills them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from obs_config import Video
from obs_scene import BOUNDS_STRETCH, Collection, Item, Scene, Script, Source, mirage_filter
from obs_session import ObsSession, ObsSessionError

VIDEO, BEFORE, AFTER, PROGRAM = "Video", "Before", "After", "Demo"
FILTER = "Mirage LSD"
SCRIPT = Path("obs_script") / "mirage_lsd_obs.py"


@dataclass(frozen=True)
class Stage:
    """One half's size and the frame rate; the canvas is two halves wide."""

    width_px: int
    height_px: int
    fps: int = 30

    @property
    def video(self) -> Video:
        return Video(2 * self.width_px, self.height_px, self.fps)

    def __str__(self) -> str:
        return f"2 x {self.width_px}x{self.height_px} at {self.fps} fps"


def stage_for(shape: float, height_px: int) -> Stage:
    """The stage for a video of this width over height; what is taller or wider is cut to fit."""
    kept = min(max(shape, 4 / 3), 16 / 9)
    return Stage(2 * round(height_px * kept / 2), height_px)


def collection(stage: Stage, video: Source, checkout: Path, prompt: str) -> Collection:
    """What OBS loads: the video, both halves, and our script with nothing else."""
    width_px, height_px = stage.width_px, stage.height_px
    fill = Item(VIDEO, 0, 0, width_px, height_px, BOUNDS_STRETCH)
    # Small: OBS draws in software here, beside the recording and the model, perhaps on two processor cores.
    styled = mirage_filter(FILTER, prompt=prompt, working_size="small")
    scenes = [
        Scene(PROGRAM, [Item(BEFORE, 0, 0), Item(AFTER, width_px, 0)]),
        Scene(BEFORE, [fill], (), width_px, height_px),
        Scene(AFTER, [fill], (styled,), width_px, height_px),
    ]
    return Collection(scenes, [video], [Script(checkout / SCRIPT)], name="MirageDemo")


def fill_halves(obs: ObsSession, stage: Stage, timeout_s: float = 20.0) -> None:
    """Cut the video to the halves' shape once OBS knows its size. Raises ObsSessionError when it never does."""
    numbers = {
        scene: obs.request("GetSceneItemId", sceneName=scene, sourceName=VIDEO)["sceneItemId"]
        for scene in (BEFORE, AFTER)
    }

    def size_px() -> tuple[int, int] | None:
        where = {"sceneName": BEFORE, "sceneItemId": numbers[BEFORE]}
        transform = obs.request("GetSceneItemTransform", **where)["sceneItemTransform"]
        found = int(transform["sourceWidth"]), int(transform["sourceHeight"])
        return found if min(found) > 0 else None

    try:
        width_px, height_px = obs.wait_until(size_px, "the first picture of the video", timeout_s)
    except ObsSessionError as error:
        raise ObsSessionError(f"OBS shows no picture of the video: can it be played?\n{error}") from None
    crop = crop_px(width_px, height_px, stage)
    for scene, number in numbers.items():
        obs.request("SetSceneItemTransform", sceneName=scene, sceneItemId=number, sceneItemTransform=crop)


def crop_px(width_px: int, height_px: int, stage: Stage) -> dict[str, int]:
    """What to cut off each side so that the rest has the halves' shape; the middle is kept."""
    wanted = stage.width_px / stage.height_px
    across = max(0, round((width_px - height_px * wanted) / 2))
    down = max(0, round((height_px - width_px / wanted) / 2))
    return {"cropLeft": across, "cropRight": across, "cropTop": down, "cropBottom": down}


def wear(obs: ObsSession, prompt: str) -> None:
    """Change the filter's prompt, as typing it in the filter's window does."""
    change = {"sourceName": AFTER, "filterName": FILTER, "filterSettings": {"prompt": prompt}}
    obs.request("SetSourceFilterSettings", **change, overlay=True)
