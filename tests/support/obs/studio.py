# SPDX-License-Identifier: Apache-2.0
"""A real OBS with the Mirage LSD script, and what a test or a benchmark wants to know about it.

Used from one thread. Invariants: this OBS's session folders lie below a root of its own in shared memory, so
"nothing was left behind" can be checked whatever else runs; close() ends all processes and removes that root.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from obs_config import Video
from obs_display import Display
from obs_scene import Collection, Item, Scene, Script, Source
from obs_session import ObsSession

from mirage_lsd.obs_script.host.control_block import Area, ControlBlock
from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.shared.release import VERSION

ROOT = Path(__file__).resolve().parents[3]
MIRAGE_SCRIPT = ROOT / "obs_script" / "mirage_lsd_obs.py"
MARKING_WORKER = Path(__file__).parents[1] / "marking_worker.py"
FILTER_NAME = "Mirage LSD"
SMALL = Video(320, 180, 30)
FAULT = """
local load_really = script_load
function script_load(settings)
  load_really(settings)
  local step = frames.step
  function frames.step(state, ...)
    assert(state.tick < 60, "a fault for this test")
    step(state, ...)
  end
end
"""


class Studio(ObsSession):
    """`worker`: "marking" (see marking_worker.py), "real", a command line of your own, or None: no usable record."""

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        items: Sequence[Item] | None = None,
        worker: str | Sequence[str] | None = "marking",
        video: Video = SMALL,
        scripts: Sequence[Script] | None = None,
        environment: Mapping[str, str] | None = None,
        collection: Collection | None = None,
        display: Display | None = None,
    ) -> None:
        """`items`: default, every source at the top left corner."""
        folder.mkdir(parents=True, exist_ok=True)
        self.session_root = Path("/dev/shm") / f"mirage-lsd-test-{secrets.token_hex(4)}"
        self.session_root.mkdir(mode=0o700)
        scripts = [Script(MIRAGE_SCRIPT)] if scripts is None else scripts
        scene = Scene("Scene", [Item(source.name) for source in sources] if items is None else items)
        variables = {
            "MIRAGE_LSD_SESSION_ROOT": str(self.session_root),
            "MIRAGE_LSD_INSTALL": str(_install_record(folder, worker)),
            **(environment or {}),
        }
        loaded = collection or Collection([scene], sources, scripts)
        super().__init__(folder, loaded, video, variables, display=display)

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.session_root, ignore_errors=True)

    def sessions(self) -> list[Path]:
        """The session folders that exist now."""
        return sorted(self.session_root.iterdir())

    def block(self) -> ControlBlock:
        """The running plugin's control block, for reading."""
        path = self.wait_until(lambda: sorted(self.session_root.glob("*/control.bin")), "the control block")[-1]
        return ControlBlock.open(str(path))

    def slot(self, source: str, filter_name: str = FILTER_NAME) -> Area:
        """The control-block slot of a source's filter."""

        def find() -> Area | None:
            for _, slot in self.block().used():
                if (slot.text("parent_name"), slot.text("filter_name")) == (source, filter_name):
                    return slot
            return None

        return self.wait_until(find, f"the filter of {source} in the control block")

    def wait_styled(self, source: str, filter_name: str = FILTER_NAME) -> Area:
        """Wait until the filter shows processed pictures; returns its slot."""
        slot = self.slot(source, filter_name)
        self.wait_until(lambda: slot.get("showing_styled"), f"a styled {source}; status: {slot.text('status')}")
        return slot

    def wait_untouched(self, source: str, filter_name: str = FILTER_NAME) -> Area:
        """Wait until the filter shows the source; returns its slot."""
        slot = self.slot(source, filter_name)
        self.wait_until(lambda: not slot.get("showing_styled"), f"{source} untouched")
        return slot

    def wait_ticks(self, slot: Area, ticks: int) -> None:
        """Wait for that many more OBS frames of a filter."""
        until = slot.get("tick") + ticks
        self.wait_until(lambda: slot.get("tick") >= until, f"{ticks} OBS frames")

    def grab(self, source: str | None = None) -> np.ndarray:
        """uint8 [height, width, 4] BGRA: a source with its filters, or the scene on air."""
        return screenshot(self, source)

    def set_filter(self, source: str, filter_name: str = FILTER_NAME, **settings: object) -> None:
        """Change settings of a filter, as its properties window does."""
        self.request(
            "SetSourceFilterSettings", sourceName=source, filterName=filter_name, filterSettings=settings
        )

    def switch_filter(self, source: str, on: bool, filter_name: str = FILTER_NAME) -> None:
        """The eye in OBS's filter list."""
        self.request(
            "SetSourceFilterEnabled", sourceName=source, filterName=filter_name, filterEnabled=on
        )

    def worker_pids(self) -> list[int]:
        """Processes that OBS has started and that have not been reaped, without the short one that lists presets."""
        found = subprocess.run(["pgrep", "-a", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(line.split()[0]) for line in found.stdout.splitlines() if "preset_list" not in line]


def _install_record(folder: Path, worker: str | Sequence[str] | None) -> Path:
    """An install.json of our own whose worker is the wanted one, and whose pyzmq is the installed one."""
    record = folder / "install.json"
    if worker is None:
        record.write_text("{}", encoding="utf-8")
        return record
    installed = InstallRecord.find(str(ROOT / "obs_script"))
    command = {"real": [installed.worker_python, "-m", "mirage_lsd.worker"],
               "marking": [installed.worker_python, str(MARKING_WORKER)]}.get(worker, worker)
    wrapper = folder / "worker.sh"
    quoted = " ".join("'" + part + "'" for part in command)
    others = f"[ \"$2\" = mirage_lsd.worker ] || exec '{installed.worker_python}' \"$@\""  # such as the preset list
    wrapper.write_text(f"#!/bin/sh\n{others}\nexec {quoted}\n", encoding="utf-8")
    wrapper.chmod(0o755)
    content = {"layout": 1, "worker_python": str(wrapper), "zmq_paths": installed.zmq_paths, "version": VERSION}
    record.write_text(json.dumps(content), encoding="utf-8")
    return record


def screenshot(obs: ObsSession, source: str | None = None) -> np.ndarray:
    """uint8 [height, width, 4] BGRA: a source with its filters or, by default, the scene on air."""
    name = source or obs.request("GetCurrentProgramScene")["currentProgramSceneName"]
    answer = obs.request("GetSourceScreenshot", sourceName=name, imageFormat="png")
    png = base64.b64decode(answer["imageData"].split(",", 1)[1])
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def faulty_script(folder: Path) -> Script:
    """A copy of the script whose render half meets an error after two seconds."""
    for part in ("obs_script", "shared"):
        shutil.copytree(ROOT / part, folder / part)
    with (folder / "obs_script/render/filter.lua").open("a") as file:
        file.write(FAULT)
    return Script(folder / "obs_script" / MIRAGE_SCRIPT.name)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def resident_mib(pid: int) -> float:
    """A process's memory that is in RAM."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def thread_count(pid: int) -> int:
    """How many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def picture_file(path: Path, width_px: int, height_px: int, alpha: np.ndarray | int = 255, seed: int = 1) -> np.ndarray:
    """Write a PNG with a smooth random picture and return it: uint8 [height, width, 4] BGRA, straight alpha."""
    noise = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 4), dtype=np.uint8)
    picture = cv2.GaussianBlur(noise, (7, 7), 0)
    picture[..., 3] = alpha
    cv2.imwrite(str(path), picture)
    return picture


def clip_file(path: Path, size: str = "320x180", seconds: int = 4, pattern: str = "testsrc2") -> Path:
    """Make a short, lossless, silent test clip with ffmpeg."""
    source = f"{pattern}=size={size}:rate=30:duration={seconds}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "bgr0", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


def largest_difference(one: np.ndarray, other: np.ndarray) -> int:
    """Largest absolute difference of two pictures of the same size, 0..255."""
    assert one.shape == other.shape, f"sizes differ: {one.shape} and {other.shape}"
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def inverted(picture: np.ndarray) -> np.ndarray:
    """What the marking worker makes of a picture."""
    result = picture.copy()
    result[..., :3] = 255 - picture[..., :3]
    return result


def python_for_tests() -> str:
    """The interpreter that runs the tests."""
    return os.path.realpath(sys.executable)
