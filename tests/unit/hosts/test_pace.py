# SPDX-License-Identifier: Apache-2.0
"""The working size follows the time a frame takes, rarely; threads follow what is faster."""

import pytest

from mirage_lsd.worker.engines import thread_tuner
from mirage_lsd.worker.engines.thread_tuner import ThreadTuner
from mirage_lsd.worker.hosts.pace import (
    BARRED_S,
    BUDGET_MS,
    FEW_FRAMES,
    LATE_WINDOWS,
    WINDOW_FRAMES,
    WINDOWS_UNTIL_UP,
    Pace,
)
from mirage_lsd.worker.models.config import AUTO_SIZES


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def play(pace: Pace, took_ms: dict[str, float], frames: int, clock: Clock) -> list[str]:
    """The sizes a pace goes through, each once in a row."""
    sizes = [pace.size]
    for _ in range(frames):
        frame_ms = took_ms[pace.size]
        clock.now_s += frame_ms / 1000
        pace.record(pace.size, frame_ms)
        if pace.size != sizes[-1]:
            sizes.append(pace.size)
    return sizes


@pytest.mark.parametrize(("nets_ms", "size"), [(8.0, "medium"), (40.0, "small"), (70.0, "tiny"), (900.0, "tiny")])
def test_the_first_guess_is_the_largest_that_fits(nets_ms, size):
    pace = Pace()
    pace.start("medium", nets_ms)
    assert pace.size == size


def test_slow_frames_bring_it_down_step_by_step_and_no_further():
    clock = Clock()
    pace = Pace(clock)
    slow = dict.fromkeys(AUTO_SIZES, 2 * BUDGET_MS)
    assert play(pace, slow, 20 * WINDOW_FRAMES, clock) == ["medium", "small", "tiny"]


def test_a_machine_that_is_taken_away_brings_it_down_at_once_and_it_comes_back_step_by_step():
    clock = Clock()
    pace = Pace(clock)
    assert play(pace, dict.fromkeys(AUTO_SIZES, 20.0), 2 * WINDOW_FRAMES, clock) == ["medium"]
    taken_away = {size: 30 * BUDGET_MS / (AUTO_SIZES.index(size) + 3) for size in reversed(AUTO_SIZES)}
    assert play(pace, taken_away, FEW_FRAMES, clock) == ["medium", "tiny"]
    assert pace.steps(3) == 1 and "busy" in pace.text(3)
    quick = {"tiny": 8.0, "small": 12.0, "medium": 20.0}
    assert play(pace, quick, 600 * WINDOW_FRAMES, clock) == ["tiny", "small", "medium"]
    assert pace.steps(3) == 3


def test_a_few_slow_frames_change_nothing():
    pace = Pace(Clock())
    for index in range(10 * WINDOW_FRAMES):
        pace.record("medium", 500.0 if index % 25 == 0 else 20.0)
    assert pace.size == "medium"


def test_one_slow_frame_in_ten_is_too_many():
    """What is promised holds for all frames but one in twenty."""
    pace = Pace(Clock())
    for index in range(LATE_WINDOWS * WINDOW_FRAMES):
        assert pace.size == "medium"
        pace.record("medium", 1.2 * BUDGET_MS if index % 10 == 0 else 20.0)
    assert pace.size == "small"


def test_room_to_spare_brings_it_up_only_after_a_while():
    clock = Clock()
    pace = Pace(clock)
    pace.start("medium", 40.0)
    fast = {"tiny": 5.0, "small": 8.0, "medium": 15.0}
    assert play(pace, fast, WINDOWS_UNTIL_UP * WINDOW_FRAMES - 1, clock) == ["small"]
    assert play(pace, fast, 1, clock) == ["small", "medium"]


def test_it_does_not_flap():
    """A size that looks affordable from below and is not: tried at longer and longer intervals."""
    clock = Clock()
    pace = Pace(clock)
    deceiving = {"tiny": 8.0, "small": 15.0, "medium": 60.0}
    frames = int(10 * 60 * 1000 / 16)  # about ten minutes
    changes = len(play(pace, deceiving, frames, clock)) - 1
    assert 3 <= changes <= 2 * 5  # at 1, 2, 4, 8 minutes
    assert clock.now_s > 8 * BARRED_S


def load(pace: Pace, clock: Clock, factor: float, seconds: float) -> list[tuple[str, int]]:
    """The (size, steps of 3) a pace goes through on a machine that takes `factor` times as long."""
    idle_ms = {"tiny": 14.0, "small": 20.0, "medium": 35.0}
    states, until_s = [(pace.size, pace.steps(3))], clock.now_s + seconds
    while clock.now_s < until_s:
        frame_ms = factor * idle_ms[pace.size] * (1 - 0.1 * pace.fewer)
        clock.now_s += frame_ms / 1000
        pace.record(pace.size, frame_ms)
        if (pace.size, pace.steps(3)) != states[-1]:
            states.append((pace.size, pace.steps(3)))
    return states


def test_on_a_busy_machine_size_and_steps_go_down_and_come_back():
    clock = Clock()
    pace = Pace(clock)
    down = [("medium", 3), ("small", 3), ("tiny", 3), ("tiny", 2), ("tiny", 1)]
    assert load(pace, clock, 1.0, 30) == down[:1]
    assert load(pace, clock, 8.0, 40) == [down[0], down[-1]]  # at once
    assert load(pace, clock, 1.0, 300) == down[::-1], "and no further"


def test_it_is_down_within_seconds_however_slow_the_frames_are():
    clock = Clock()
    pace = Pace(clock)
    load(pace, clock, 12.0, 16)
    assert (pace.size, pace.steps(3)) == ("tiny", 1)


@pytest.mark.parametrize(("asked", "least"), [(1, 1), (2, 1), (3, 1), (5, 3)])
def test_at_least_one_step_is_left(asked, least):
    clock = Clock()
    pace = Pace(clock)
    load(pace, clock, 12.0, 40)
    assert pace.steps(asked) == least


def test_the_text_says_what_is_going_on():
    clock = Clock()
    pace = Pace(clock)
    load(pace, clock, 1.0, 10)
    assert pace.text(3) == "running at the working size medium (automatic)"
    load(pace, clock, 8.0, 40)
    assert pace.text(3).startswith("running at the working size tiny (automatic), 1 of 3 steps; the machine is busy: ")
    load(pace, clock, 1.0, 15)
    assert pace.text(3).endswith(", 1 of 3 steps; more was too slow and is tried again by and by")
    load(pace, clock, 1.0, 300)
    assert pace.text(3) == "running at the working size medium (automatic)"


def test_frames_of_another_size_say_nothing():
    pace = Pace(Clock())
    for _ in range(5 * WINDOW_FRAMES):
        pace.record("small", 500.0)
    assert pace.size == "medium"


def run(ways: ThreadTuner, took: dict[int, float], runs: int) -> list[int]:
    taken = []
    for _ in range(runs):
        taken.append(ways.pick())
        ways.record(taken[-1], took[taken[-1]])
    return taken


def test_the_thread_tuner_is_found_and_kept():
    ways = ThreadTuner(2)
    run(ways, {0: 10.0, 1: 4.0}, 30)
    assert ways.usual == 1
    taken = run(ways, {0: 10.0, 1: 4.0}, 5000)
    assert ways.usual == 1 and taken.count(0) < 12  # each try ends at its first run


def test_ways_that_take_as_long_do_not_alternate():
    taken = run(ThreadTuner(2), {0: 5.0, 1: 5.0}, 4000)
    assert taken.count(1) < 8 * thread_tuner.TRIED_RUNS


def test_a_machine_that_gets_busy_is_noticed_at_once():
    ways = ThreadTuner(2)
    run(ways, {0: 4.0, 1: 8.0}, 2000)
    assert ways.usual == 0
    run(ways, {0: 80.0, 1: 9.0}, 40)
    assert ways.usual == 1


def test_a_single_way_is_always_taken():
    assert set(run(ThreadTuner(1), {0: 3.0}, 500)) == {0}
