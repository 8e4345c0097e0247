# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd ctl`: change and follow the looks in a running OBS, from scripts and other programs.

Called by the command line. Invariant: what a command prints is what the look store answered; a refusal is one line and
status 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
import time
from typing import Any

from mirage_lsd.shared.channel import look_address
from mirage_lsd.shared.channel.look_address import LookAddress
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages import look_commands, look_events
from mirage_lsd.shared.messages.look import FilterReport, Preset
from mirage_lsd.shared.messages.settings import LAYERS
from mirage_lsd.shared.release import RELEASE, upgraded
from mirage_lsd.worker.programs.look_client import LookClient

SIMPLE = {
    "undo": (look_commands.Undo, "back to the look before"),
    "redo": (look_commands.Redo, "take back an undo"),
    "next": (look_commands.NextPreset, "the next preset"),
    "previous": (look_commands.PreviousPreset, "the previous preset"),
    "random": (look_commands.RandomPreset, "any other preset"),
    "off": (look_commands.TurnOff, "show the camera, at once"),
    "on": (look_commands.TurnOn, "restyle again"),
    "clear": (look_commands.ClearLook, "take everything off"),
}
WATCH_S = 0.5
EXIT_REFUSED = 2


def add_arguments(parser: Any) -> None:
    """The actions and their options."""
    parser.add_argument("--as", dest="who", default="cli", metavar="NAME", help='who you are: others see "ctl:NAME"')
    parser.add_argument("--json", action="store_true", help="print JSON, one value a line")
    parser.add_argument("--obs", type=int, default=0, metavar="PID", help="which OBS, where several run (its process)")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the presets, one a line")
    listing.add_argument("--offline", action="store_true", help="from the files; no OBS needed")
    apply = actions.add_parser("apply", help="put on a preset")
    apply.add_argument("preset")
    wear = actions.add_parser("wear", help="put on words of your own")
    wear.add_argument("words")
    wear.add_argument("--layer", default="prompt", choices=LAYERS)
    for action in (apply, wear):
        as_it_is, words = look_commands.AS_IT_IS, "how long it comes up; 0 is a cut"
        action.add_argument("--fade-ms", type=int, default=as_it_is, help=words)
    changing = [apply, wear, *(actions.add_parser(name, help=words) for name, (_, words) in SIMPLE.items())]
    for action in changing:
        action.add_argument("--target", default="", metavar="FILTER", help='"source/filter" or a source; default: all')
    actions.add_parser("batch", help="actions from standard input, one a line, done at once")
    talk = actions.add_parser("talk", help="hold or release push-to-talk")
    talk.add_argument("held", choices=["down", "up"])
    actions.add_parser("status", help="what every filter wears and does")
    watch = actions.add_parser("watch", help="who does what, until stopped")
    watch.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(options: Any) -> int:
    """Does one action."""
    if options.action == "list" and options.offline:
        return _list(_offline(), options)
    address = _address(options.obs)
    with LookClient(options.who, address, listen=options.action in ("watch", "batch")) as client:
        return _batch(client, options) if options.action == "batch" else _act(client, options)


def _address(pid: int) -> LookAddress:
    """Which OBS is meant; says so where that could be a surprise."""
    address = look_address.find(pid)
    if not pid and len(look_address.running()) > 1:
        print(f"mirage-lsd: several OBS run; this is for process {address.pid}, started last: --obs says which",
              file=sys.stderr)  # fmt: skip
    if address.release != RELEASE:
        print(f"mirage-lsd: {upgraded(RELEASE, address.release)}", file=sys.stderr)
    return address


def _act(client: LookClient, options: Any) -> int:
    if options.action == "list":
        return _list(client.presets(), options)
    if options.action == "status":
        return _status(client, options)
    if options.action == "watch":
        return _watch(client, options)
    if options.action == "talk":
        client.request(look_commands.Talk(options.held == "down"))
        return 0
    return _print_done(client.do(command_of(options)), options)


def _batch(client: LookClient, options: Any) -> int:
    """A line that is refused is told and ends nothing; status 2 if there was one."""
    parser = argparse.ArgumentParser(prog="", exit_on_error=False)
    add_arguments(parser)
    refused = 0
    for line in sys.stdin:
        try:
            said, rest = parser.parse_known_args(shlex.split(line) or ["status"])
            if rest or said.action == "batch":
                raise MirageError(f"not an action: {line.strip()}", "bad_line")
            said.json = said.json or options.json
            refused |= _act(client, said)
        except (MirageError, argparse.ArgumentError, ValueError) as error:
            print(f"mirage-lsd: {error}", file=sys.stderr, flush=True)
            refused = EXIT_REFUSED
        sys.stdout.flush()
    return refused


def command_of(options: Any) -> look_commands.LookCommand:
    """The look command that the options ask for."""
    if options.action == "apply":
        return look_commands.ApplyPreset(options.preset, options.target, fade_ms=options.fade_ms)
    if options.action == "wear":
        return look_commands.ApplyWords(options.words, options.layer, options.target, fade_ms=options.fade_ms)
    return SIMPLE[options.action][0](target=options.target)


def described(one: FilterReport) -> str:
    """A filter's look in one line."""
    look = one.look
    if look.off:
        return f"{one.name}: off"
    layers = ", ".join(f"{layer.name} = {layer.words}" for layer in look.layers)
    preset = f" [{look.preset}]" if look.preset else ""
    return f"{one.name}:{preset} {layers or 'as the camera sees it'}"


def _offline() -> list[Preset]:
    from mirage_lsd.worker.presets.presets import PresetError, load_presets

    listed = load_presets()
    if listed.problem:
        raise PresetError(listed.problem)
    return list(listed.by_id.values())


def _list(presets: list[Preset], options: Any) -> int:
    for preset in presets:
        line = json.dumps(dataclasses.asdict(preset)) if options.json else f"{preset.id:24} {preset.summary()}"
        print(line)
    return 0


def _status(client: LookClient, options: Any) -> int:
    report = client.ask()
    if options.json:
        print(json.dumps(dataclasses.asdict(report)))
        return 0
    for shown in report.filters:
        print(described(shown))
        print("    " + shown.status.replace("\n", "\n    "))
    print(f"{len(report.filters)} filters; your presets: {report.presets_file}")
    if report.problem:
        print(f"presets: {report.problem}")
    return 0


def _print_done(done: look_events.LookDone, options: Any) -> int:
    if options.json:
        print(json.dumps(dataclasses.asdict(done)))
        return 0
    for shown in done.filters:
        print(described(shown))
    if not done.applied and not all(shown.look.off for shown in done.filters):
        print("(kept; the worker does not draw it yet)")
    return 0


def _watch(client: LookClient, options: Any) -> int:
    until_s = time.monotonic() + options.seconds
    try:
        while (left_s := until_s - time.monotonic()) > 0:
            for event in client.events(min(WATCH_S, left_s)):
                print(_event_line(event, options.json), flush=True)
    except KeyboardInterrupt:
        return 0
    return 0


def _event_line(event: Any, as_json: bool) -> str:
    if as_json:
        return json.dumps({"event": type(event).__name__, **dataclasses.asdict(event)})
    if isinstance(event, look_events.LookChanged):
        return f"{event.revision} {event.origin} {event.command}: " + "; ".join(map(described, event.filters))
    if isinstance(event, look_events.LookRefused):
        return f"{event.revision} {event.origin} {event.command} refused: {event.text}"
    if isinstance(event, look_events.PresetsChanged):
        return f"presets: {event.total}" + (f"; {event.problem}" if event.problem else "")
    if isinstance(event, look_events.TalkChanged):
        return f"push to talk {'down' if event.held else 'up'}"
    return str(event)
