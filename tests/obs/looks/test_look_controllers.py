# SPDX-License-Identifier: Apache-2.0
"""Controllers of a real OBS: `mirage-lsd ctl`, 1,000 random commands from three at once, strangers, private keys."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time

import pytest
from look_chaos import FrameLog, command_at_random, outdated
from look_studio import LookStudio, look_source
from obs_scene import Item
from studio import FILTER_NAME

from mirage_lsd.shared.channel.channel import ControlClient, new_key_pair
from mirage_lsd.shared.channel.look_address import FILE_NAME
from mirage_lsd.shared.errors import ChannelTimeout
from mirage_lsd.shared.messages.look_commands import ApplyPreset, ClearLook, GetLooks, TurnOn
from mirage_lsd.shared.messages.look_events import Joined
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.models.looks import prompt_of
from mirage_lsd.worker.presets.presets import load_library

pytestmark = [pytest.mark.obs, pytest.mark.slow]
COMMANDS = 1000
LEFT, RIGHT = f"Left/{FILTER_NAME}", f"Right/{FILTER_NAME}"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controllers")
    sources = [look_source(folder, "Left"), look_source(folder, "Right")]
    items = [Item("Left"), Item("Right", x_px=100.0)]
    with LookStudio(folder / "obs", sources, items=items) as studio:
        studio.start()
        studio.wait_presets("Night rider")
        studio.wait_styled("Left")
        studio.wait_styled("Right")
        yield studio


@pytest.fixture
def client(studio):
    with studio.controller() as client:
        client.do(TurnOn())
        client.do(ClearLook())
        yield client


def ctl(studio, *arguments: str, lines: str = "") -> subprocess.CompletedProcess:
    environment = {**os.environ, "MIRAGE_LSD_SESSION_ROOT": str(studio.session_root)}
    command = [sys.executable, "-c", "from mirage_lsd.worker.programs.cli import main; raise SystemExit(main())", "ctl"]
    return subprocess.run(
        [*command, *arguments], env=environment, input=lines, capture_output=True, text=True, timeout=60
    )


def test_the_command_line_applies_and_lists_and_tells(studio, client):
    done = ctl(studio, "--as", "alice", "apply", "forest", "--target", "Left")
    assert (done.returncode, done.stdout) == (0, f"{LEFT}: [forest] scene = forest\n")
    studio.wait_look("Left", "forest")
    studio.wait_look("Right", "")
    assert [line.split()[0] for line in ctl(studio, "list").stdout.splitlines()] == list(load_library())
    assert f"{LEFT}: [forest] scene = forest" in ctl(studio, "status").stdout
    report = json.loads(ctl(studio, "--json", "status").stdout)
    assert {one["name"] for one in report["filters"]} == {LEFT, RIGHT}
    assert str(studio.presets_file) == report["presets_file"]
    assert [event.origin for event in client.events(1) if hasattr(event, "origin")] == ["ctl:alice"]


def test_a_refusal_is_one_line_and_changes_nothing(studio, client):
    for arguments, told in (
        (("apply", "nope"), "no preset is called 'nope'"),
        (("wear", "purple zebra"), "unknown word 'zebra'"),
        (("undo", "--target", "Nobody"), "no filter is called 'Nobody'"),
    ):
        refused = ctl(studio, *arguments)
        assert refused.returncode == 2
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
    client.ask()
    assert all(one.look.layers == () for one in client.looks.values())


def test_a_batch_does_one_line_after_the_other(studio, client):
    lines = "apply beach\nwear 'jacket in dark green' --layer outfit\nnonsense\nundo --target Right\noff\non\n"
    done = ctl(studio, "batch", lines=lines)
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    studio.wait_look("Left", "jacket in dark green, beach")
    client.ask()
    assert client.looks[RIGHT].look.words("outfit") == ""


def test_watch_tells_who_did_what(studio, client):
    environment = {**os.environ, "MIRAGE_LSD_SESSION_ROOT": str(studio.session_root)}
    program = "from mirage_lsd.worker.programs.cli import main; raise SystemExit(main())"
    watch = subprocess.Popen(
        [sys.executable, "-c", program, "ctl", "--as", "watcher", "watch", "--seconds", "20"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not any(event == Joined("watcher") for event in client.events(1)):
        assert watch.poll() is None
    time.sleep(0.5)  # it says so until it hears itself
    client.do(ApplyPreset("space", target="Right"))
    line = watch.stdout.readline()
    watch.kill()
    watch.wait()
    watch.stdout.close()
    assert "ctl:test apply_preset" in line
    assert f"{RIGHT}: [space] scene = space" in line


def test_the_keys_are_private_and_strangers_stay_out(studio):
    (path,) = studio.session_root.glob(f"*/{FILE_NAME}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    address = studio.address()
    stranger = ControlClient(address.report, address.server_public_key, new_key_pair())
    with pytest.raises(ChannelTimeout):
        stranger.request(GetLooks(), 1.0)
    stranger.close()
    with studio.controller() as client:
        assert client.looks


def test_a_thousand_random_commands_from_three_controllers_end_alike_everywhere(studio, client):
    slots = {LEFT: studio.slot("Left"), RIGHT: studio.slot("Right")}
    log = FrameLog(slots)
    log.start()
    answers = command_at_random(studio.address(), COMMANDS, ["", LEFT, RIGHT, "Left"])
    assert sum(one.done for one in answers) == COMMANDS
    assert all(one.refused > 0 for one in answers)
    client.do(TurnOn())
    client.ask()
    studio.wait_ticks(slots[LEFT], 10)
    rows = log.stop()
    final = {name: one.look.layers for name, one in client.looks.items()}
    for one in answers:
        assert one.revisions == sorted(one.revisions)
        assert {f"ctl:controller-{number}" for number in range(3)} <= one.origins
        assert {name: report.look.layers for name, report in one.looks.items()} == final
        assert one.revision <= client.revision
    for name, slot in slots.items():
        acknowledged = [entry[1:] for one in answers for entry in one.acknowledged if entry[0] == name]
        assert len(acknowledged) > COMMANDS / 10
        assert len(rows[name]) > 50
        assert len({row.generation for row in rows[name]}) > 20
        assert outdated(rows[name], acknowledged) == []
        studio.wait_look(name.split("/")[0], prompt_of(StreamSettings(layers=final[name])))
        assert slot.get("lua_errors") == 0
