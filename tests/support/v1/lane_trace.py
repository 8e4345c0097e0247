# SPDX-License-Identifier: Apache-2.0
"""Checks a trace of lanes: is every pair of launches that share a buffer ordered by events? Knows nothing of Lanes.

Each lane has a clock that counts its launches. What a lane knows of the others travels with events alone.
"""

from __future__ import annotations


def unordered(trace) -> list[str]:
    """Every conflict (one writes what the other touches, on another lane) with no chain of events between."""
    knows: dict[str, dict[str, int]] = {}
    sent: dict[int, dict[str, int]] = {}
    touched: dict[str, list[tuple[str, int, bool, str]]] = {}
    found = []
    for step in trace:
        mine = knows.setdefault(step.lane, {})
        if step.kind == "wait":
            for lane, clock in sent[step.event].items():
                mine[lane] = max(mine.get(lane, 0), clock)
        elif step.kind == "record":
            sent[step.event] = dict(mine)
        else:
            mine[step.lane] = mine.get(step.lane, 0) + 1
            for buffer in {*step.reads, *step.writes}:
                writes = buffer in step.writes
                for lane, clock, wrote, name in touched.get(buffer, []):
                    if (writes or wrote) and lane != step.lane and mine.get(lane, 0) < clock:
                        found.append(f"{step.name} on {step.lane} and {name} on {lane} share {buffer}")
                touched.setdefault(buffer, []).append((step.lane, mine[step.lane], writes, step.name))
    return found


def waits_for(trace, lane: str, other: str) -> bool:
    """Whether a lane ever waits for an event that the other recorded."""
    recorded = {step.event for step in trace if step.kind == "record" and step.lane == other}
    return any(step.kind == "wait" and step.lane == lane and step.event in recorded for step in trace)


def is_after(trace, later: int, earlier: int) -> bool:
    """Whether the launch at index `later` of a trace can only start when the one at index `earlier` is done."""
    reached: dict[str, set[int]] = {}
    sent: dict[int, set[int]] = {}
    for index, step in enumerate(trace):
        known = reached.setdefault(step.lane, set())
        if step.kind == "wait":
            known |= sent[step.event]
        elif step.kind == "record":
            sent[step.event] = set(known)
        elif index == later:
            return earlier in known
        else:
            known.add(index)
    raise AssertionError(f"the trace has no launch at {later}")


def launches(trace, name: str, lane: str) -> list[int]:
    """Where in a trace the launches of a stage on a lane are."""
    return [i for i, step in enumerate(trace) if (step.kind, step.name, step.lane) == ("run", name, lane)]
