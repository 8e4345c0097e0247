# SPDX-License-Identifier: Apache-2.0
"""An HDR canvas (P010, Rec. 2100 PQ) in real OBS: what passes, what the status says, and what is left afterwards."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from obs_config import PROFILE
from obs_scene import Item, image_source, media_source, mirage_filter
from studio import FILTER_NAME, SMALL, Studio, picture_file

pytestmark = pytest.mark.obs
SDR_PROFILE = "Plain"
BLACK_Y10 = 64
HDR_Y10 = 700  # brighter than any SDR white on an HDR canvas
LEVELS = SMALL.width_px * SMALL.height_px
LOSSLESS = """
[AdvOut]
RecType=FFmpeg
FFFilePath={folder}
FFOutputToFile=true
FFFormat=matroska
FFFormatMimeType=video/x-matroska
FFExtension=mkv
FFVEncoderId=33
FFVEncoder=ffv1
FFAEncoderId=0
FFIgnoreCompat=true
"""


class HdrStudio(Studio):
    """Its profile has an HDR canvas and records without loss; SDR_PROFILE is the usual one."""

    def __init__(self, folder, sources, items=None) -> None:
        super().__init__(folder, sources, items)
        profiles = folder / "obs-studio" / "basic" / "profiles"
        shutil.copytree(profiles / PROFILE, profiles / SDR_PROFILE)
        plain, hdr = profiles / SDR_PROFILE / "basic.ini", profiles / PROFILE / "basic.ini"
        text = plain.read_text()
        plain.write_text(text.replace(f"Name={PROFILE}", f"Name={SDR_PROFILE}"))
        text = text.replace("ColorFormat=NV12", "ColorFormat=P010\nColorSpace=2100PQ")
        hdr.write_text(text.replace("Mode=Simple", "Mode=Advanced") + LOSSLESS.format(folder=self.recordings))

    def filmed(self) -> np.ndarray:
        """Luma of two seconds on air, uint16 0..1023 [frames, pixels]."""
        self.request("StartRecord")
        self.wait_until(lambda: self.request("GetRecordStatus")["outputDuration"] > 2000, "two seconds")
        path = self.request("StopRecord")["outputPath"]
        self.wait_until(lambda: not self.request("GetRecordStatus")["outputActive"], "the recording to end")
        raw = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-"],
            check=True, capture_output=True, stdin=subprocess.DEVNULL,
        ).stdout
        return np.frombuffer(raw, np.uint16).reshape(-1, LEVELS * 3 // 2)[:, :LEVELS]

    def eye(self, source: str) -> bool:
        """Whether the filter's eye is open."""
        return self.request("GetSourceFilter", sourceName=source, filterName=FILTER_NAME)["filterEnabled"]

    def wait_status(self, source: str, text: str) -> None:
        slot = self.slot(source)
        self.wait_until(lambda: text in slot.text("status"), f"{text!r} in the status: {slot.text('status')}")


def bright_film(path) -> None:
    """Half black, half a white of 1000 nits and more, in PQ."""
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    x265 = "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    picture = "color=black:size=320x180:rate=30:duration=4,drawbox=x=0:y=0:w=160:h=180:color=white:t=fill"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-vf", "format=yuv420p10le", *tags,
         "-c:v", "libx265", "-x265-params", x265, "-preset", "ultrafast", str(path)],
        check=True, stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("bounds_px", [0.0, 200.0], ids=["as it is", "scaled"])
def test_an_hdr_film_keeps_its_light(tmp_path, bounds_px):
    bright_film(tmp_path / "bright.mkv")
    film = media_source("Film", tmp_path / "bright.mkv", filters=[mirage_filter(pipeline="passthrough")])
    item = Item("Film", bounds_width_px=bounds_px, bounds_height_px=bounds_px)
    with HdrStudio(tmp_path / "obs", [film], [item]) as studio:
        studio.start()
        studio.wait_status("Film", "HDR canvas")
        studio.wait_until(lambda: not studio.eye("Film"), "the filter to leave the picture")
        with_filter = studio.filmed()
        studio.request("RemoveSourceFilter", sourceName="Film", filterName=FILTER_NAME)
        without = studio.filmed()
        assert studio.quit() == 0
    assert np.median(without.max(axis=1)) > HDR_Y10
    assert np.median(with_filter.max(axis=1)) == np.median(without.max(axis=1))


def test_a_picture_is_the_same_with_the_filter_and_without(tmp_path):
    picture_file(tmp_path / "still.png", 320, 180)
    still = image_source("Still", tmp_path / "still.png", filters=[mirage_filter(pipeline="passthrough")])
    with HdrStudio(tmp_path / "obs", [still]) as studio:
        studio.start()
        studio.wait_status("Still", "HDR canvas")
        with_filter = studio.filmed()
        studio.switch_filter("Still", False)
        without = studio.filmed()
        assert studio.quit() == 0
    assert np.array_equal(with_filter[-1], without[-1])


def test_who_hides_is_hidden_on_an_hdr_canvas_too(tmp_path):
    picture_file(tmp_path / "still.png", 320, 180)
    mirage = mirage_filter(pipeline="passthrough", when_unstyled="nothing")
    with HdrStudio(tmp_path / "obs", [image_source("Still", tmp_path / "still.png", filters=[mirage])]) as studio:
        studio.start()
        studio.wait_status("Still", "Showing nothing: an HDR canvas")
        assert studio.filmed().max() == BLACK_Y10
        assert studio.eye("Still")
        assert studio.quit() == 0


def test_back_on_an_sdr_canvas_it_styles_again_and_a_closed_eye_stays_closed(tmp_path):
    sources = []
    for name in ("Open", "Closed"):
        mirage = mirage_filter(enabled=name == "Open", pipeline="passthrough")
        picture_file(tmp_path / f"{name}.png", 160, 90)
        sources.append(image_source(name, tmp_path / f"{name}.png", filters=[mirage]))
    with HdrStudio(tmp_path / "obs", sources) as studio:
        studio.start()
        studio.wait_until(lambda: not studio.eye("Open"), "the filter to leave the picture")
        assert studio.quit() == 0
        studio.start()
        studio.wait_status("Open", "HDR canvas")
        studio.request("SetCurrentProfile", profileName=SDR_PROFILE)
        studio.wait_until(lambda: studio.eye("Open"), "the eye to be open again")
        studio.wait_styled("Open")
        assert not studio.eye("Closed")
        studio.request("SetCurrentProfile", profileName=PROFILE)
        studio.wait_until(lambda: not studio.eye("Open"), "the filter to leave the picture again")
        assert studio.quit() == 0
