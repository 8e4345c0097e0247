# SPDX-License-Identifier: Apache-2.0
"""Three controllers that command at random at the same time, and what must hold afterwards.

Used by a test and by a benchmark. Invariant: everything is seeded; what each controller sent and was answered, and
every frame OBS showed meanwhile, is kept.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from mirage_lsd.obs_script.host.control_block import Area, Latency
from mirage_lsd.shared.channel.look_address import LookAddress
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.errors import RequestRefused
from mirage_lsd.shared.messages import look_commands
from mirage_lsd.shared.messages.look import FilterReport
from mirage_lsd.worker.programs.look_client import LookClient

WORDS = {"outfit": ("navy suit", "red hoodie", "keep", ""), "hair": ("long blonde hair", "red beanie"),
         "scene": ("forest", "beach", "keep"), "light": ("neon", "night", ""),
         "prompt": ("smile", "green top", "", "xyzzy")}
SIMPLE = (
    look_commands.Undo, look_commands.Undo, look_commands.Redo, look_commands.NextPreset, look_commands.PreviousPreset,
    look_commands.RandomPreset, look_commands.ClearLook, look_commands.TurnOn,
)


@dataclass
class Answers:
    """One controller's run. acknowledged: (filter, generation, when the answer was here) of each drawn look;
    revisions: of the answers, in order; looks: its mirror at the end."""

    done: int = 0
    refused: int = 0
    revisions: list[int] = field(default_factory=list)
    acknowledged: list[tuple[str, int, int]] = field(default_factory=list)
    looks: dict[str, FilterReport] = field(default_factory=dict)
    revision: int = -1
    origins: set[str] = field(default_factory=set)


def random_command(chance: random.Random, presets: list[str], targets: list[str]) -> look_commands.LookCommand:
    """Any look command, some of them refused by look store or worker."""
    target = chance.choice(targets)
    kind = chance.random()
    if kind < 0.35:
        return look_commands.ApplyPreset(chance.choice([*presets, "no-such-preset"]), target, fade_ms=0)
    if kind < 0.65:
        layer = chance.choice(list(WORDS))
        return look_commands.ApplyWords(chance.choice(WORDS[layer]), layer, target)
    if kind < 0.7:
        return look_commands.TurnOff(target=target)
    return chance.choice(SIMPLE)(target=target)


def command_at_random(address: LookAddress, commands: int, targets: list[str], seed: int = 1) -> list[Answers]:
    """Three controllers, `commands` in all; returns when each has heard everything."""
    answers = [Answers() for _ in range(3)]
    share = [commands // 3 + (each < commands % 3) for each in range(3)]
    start, end = threading.Barrier(3), threading.Barrier(3)

    def run(number: int) -> None:
        with LookClient(f"controller-{number}", address) as client:
            presets = [one.id for one in client.presets()]
            start.wait(30)
            _send(client, answers[number], random.Random(seed * 100 + number), share[number], presets, targets)
            end.wait(120)
            _listen_to_the_end(client, answers[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _send(client, answers, chance, commands, presets, targets) -> None:
    for _ in range(commands):
        try:
            done = client.do(random_command(chance, presets, targets))
            arrived_ns = now_ns()
            answers.revisions.append(done.revision)
            if done.applied:
                answers.acknowledged += [(one.name, one.generation, arrived_ns) for one in done.filters]
        except RequestRefused:
            answers.refused += 1
        answers.done += 1
        answers.origins |= {getattr(event, "origin", "") for event in client.events()}


def _listen_to_the_end(client, answers) -> None:
    while events := client.events(0.5):
        answers.origins |= {getattr(event, "origin", "") for event in events}
    answers.looks, answers.revision = dict(client.looks), client.revision


class FrameLog(threading.Thread):
    """Keeps every row of some filters' latency logs until stop()."""

    def __init__(self, slots: dict[str, Area]) -> None:
        super().__init__(daemon=True)
        self._slots, self._read = slots, {name: slot.get("latency_head") for name, slot in slots.items()}
        self._stopping = threading.Event()
        self.rows: dict[str, list[Latency]] = {name: [] for name in slots}

    def run(self) -> None:
        while not self._stopping.wait(0.5):
            self._take()

    def stop(self) -> dict[str, list[Latency]]:
        """Ends; returns everything."""
        self._stopping.set()
        self.join()
        self._take()
        return self.rows

    def _take(self) -> None:
        for name, slot in self._slots.items():
            self._read[name], more = slot.latencies(self._read[name])
            self.rows[name] += more


def outdated(rows: list[Latency], acknowledged: list[tuple[int, int]]) -> list[Latency]:
    """The frames that were shown after a newer generation was acknowledged. acknowledged: (generation, when_ns)."""
    found, newest, place = [], 0, 0
    acknowledged = sorted(acknowledged, key=lambda one: one[1])
    for row in sorted(rows, key=lambda row: row.shown_ns):
        while place < len(acknowledged) and acknowledged[place][1] <= row.shown_ns:
            newest, place = max(newest, acknowledged[place][0]), place + 1
        if row.generation < newest:
            found.append(row)
    return found
