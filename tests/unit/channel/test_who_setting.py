# SPDX-License-Identifier: Apache-2.0
"""Who is restyled, as a setting: what it may be, on the way to the worker, on the command line, and where it is old."""
from __future__ import annotations

import dataclasses

import pytest

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.errors import FieldError
from mirage_lsd.shared.messages.fields import build
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.messages.worker_commands import ApplySettings
from mirage_lsd.worker.programs.cli import build_parser
from mirage_lsd.worker.programs.run_file import settings_of


@pytest.mark.parametrize("settings", [{"who": "nobody"}, {"who": None}, {"who_x": 1.01}, {"who_y": -0.01},
                                      {"who_x": float("nan")}])
def test_another_value_is_refused(settings: dict) -> None:
    with pytest.raises(FieldError, match="must be") as caught:
        StreamSettings(**settings)
    assert caught.value.field in settings


def test_it_reaches_the_worker_as_it_was_chosen() -> None:
    chosen = StreamSettings(who="place", who_x=0.25, who_y=0.4)
    assert wire.decode(wire.encode(ApplySettings(1, 2, chosen), 3))[1].settings == chosen


def test_settings_of_before_mean_everyone() -> None:
    old = {name: value for name, value in dataclasses.asdict(StreamSettings()).items() if not name.startswith("who")}
    assert build(StreamSettings, {**old, "layers": []}).who == "everyone"


@pytest.mark.parametrize(("said", "meant"), [
    ([], ("everyone", 0.5, 0.5)),
    (["--who", "nearest"], ("nearest", 0.5, 0.5)),
    (["--who", "place", "--place", "25,40"], ("place", 0.25, 0.4)),
])
def test_it_is_an_option_of_the_command_line(said: list[str], meant: tuple) -> None:
    settings = settings_of(build_parser().parse_args(["run", "in.mp4", "out.mp4", *said]))
    assert (settings.who, settings.who_x, settings.who_y) == meant


@pytest.mark.parametrize("place", ["25", "25,101", "-1,50", "left,top", "1,2,3"])
def test_a_place_outside_of_the_picture_is_refused(place: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["run", "in.mp4", "out.mp4", f"--place={place}"])
    assert "--place" in capsys.readouterr().err
