# SPDX-License-Identifier: Apache-2.0
"""Voice in a real OBS: a file played by an OBS media source speaks commands, and pixels change."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from obs_scene import Script, image_source, media_source, mirage_filter
from studio import MIRAGE_SCRIPT, Studio, alive, inverted, largest_difference, picture_file

from mirage_lsd.worker.train.voice.speech import RATE_HZ, Voice, pcm16, speak

pytestmark = pytest.mark.obs
SPEAKER = Voice("espeak", "en-us+f3", 150, 60)


def spoken_file(path: Path, text: str) -> Path:
    """A WAV file: silence, the text, silence; silence alone for no text."""
    quiet = np.random.default_rng(0).standard_normal(int(1.2 * RATE_HZ)).astype(np.float32) * 0.0005
    speech = speak(text, SPEAKER) if text else quiet
    with wave.open(str(path), "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(RATE_HZ)
        made.writeframes(pcm16(np.concatenate([quiet, speech, quiet])).tobytes())
    return path


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """An OBS with a picture under the filter, and voice listening to a source that plays what it is told to."""
    picture_file(tmp_path / "still.png", 120, 80)
    still = image_source("Still", tmp_path / "still.png", filters=[mirage_filter(pipeline="passthrough")])
    speaker = media_source("Speaker", spoken_file(tmp_path / "quiet.wav", ""), looping=False)
    script = Script(MIRAGE_SCRIPT, {"voice_on": True, "voice_source": "Speaker", "voice_cooldown_ms": 0})
    with Studio(tmp_path / "obs", [still, speaker], scripts=[script]) as studio:
        studio.start()
        yield studio


def voice_process(studio: Studio) -> int:
    """Process id of the voice process once there is one."""

    def find() -> int | None:
        for pid in studio.worker_pids():
            if b"mirage_lsd.worker.senses.voice" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    return studio.wait_until(find, "a voice process")


def wait_listening(studio: Studio) -> None:
    slot = studio.slot("Still")
    studio.wait_until(lambda: "knows" in (slot.text("status") or ""), "voice listening", 60)


def say(studio: Studio, text: str) -> None:
    """Once. A media source plays another file from its start by itself; told to restart as well, it plays the
    beginning twice."""
    file = spoken_file(studio.folder / f"{text}.wav", text)
    studio.request("SetInputSettings", inputName="Speaker", inputSettings={"local_file": str(file)})


def test_a_played_file_speaks_commands_and_a_killed_voice_comes_back(studio: Studio, tmp_path: Path) -> None:
    studio.wait_styled("Still")
    wait_listening(studio)
    styled = studio.grab("Still")
    say(studio, "Mirage, turn off")
    studio.wait_untouched("Still")
    source = studio.grab("Still")
    assert largest_difference(inverted(source)[..., :3], styled[..., :3]) == 0
    studio.wait_until(lambda: '"turn off"' in studio.slot("Still").text("status"), "the confirmation in the status")

    first = voice_process(studio)
    os.kill(first, signal.SIGKILL)
    studio.wait_until(lambda: not alive(first) and voice_process(studio) != first, "another voice process", 30)
    wait_listening(studio)
    say(studio, "Mirage, turn on")
    studio.wait_styled("Still")
    assert largest_difference(studio.grab("Still")[..., :3], styled[..., :3]) == 0
    last = voice_process(studio)
    assert studio.quit() == 0
    assert not alive(last)
    assert not list(studio.session_root.iterdir())
