# SPDX-License-Identifier: Apache-2.0
"""The numbers that mirage-lsd-v1 was set, against the rows of v1_compare.py. None: not measured."""

from __future__ import annotations

HALF, WHOLE = "float16", "float32"
LATENCY_P95_MS, FPS, CARD_MB = 40.0, 30.0, 8000.0
OVER_EAGER_WHOLE, OVER_EAGER_HALF, LOWER_LATENCY = 1.8, 1.3, 1.5
RIVALS = ("diffusers img2img", "diffusers step batching")


def best_engine(rows: dict[str, dict]) -> str:
    """TensorRT where it ran, else the compiled engine, else (in a rehearsal) eager."""
    for engine in ("tensorrt", "compiled", "eager"):
        if any(name.startswith(f"ours {engine} ") and "error" not in row for name, row in rows.items()):
            return engine
    return "eager"


def gates(rows: dict[str, dict], rehearsal: bool = False) -> list[dict]:
    """Each number: what it is, the goal, what was measured, whether it is met (a rehearsal meets and misses none)."""
    half = HALF if any(HALF in name for name in rows) else WHOLE
    best = f"ours {best_engine(rows)} {half}"
    found = []
    for name in rows:
        if name == best or name.startswith(f"{best}, ") and " to " in name:
            reported = "1024x576" in name  # reported, not held to the limits
            found += [_at_most(f"{name}: p95 ms", LATENCY_P95_MS, _of(rows, name, "p95_ms"), reported),
                      _at_least(f"{name}: fps", FPS, _of(rows, name, "fps"), reported),
                      _at_most(f"{name}: graphics memory MB", CARD_MB, _of(rows, name, "vram_mb"), reported)]
    compiled = _of(rows, f"ours compiled {half}", "p50_ms")
    found += [
        _at_least("compiled over eager float32", OVER_EAGER_WHOLE, _over(rows, "ours eager float32", compiled)),
        _at_least("compiled over eager float16", OVER_EAGER_HALF, _over(rows, f"ours eager {HALF}", compiled)),
    ]
    mine, fps = _of(rows, best, "p50_ms"), _of(rows, best, "fps")
    for rival in RIVALS:
        found += [_at_least(f"latency of {rival} over ours", LOWER_LATENCY, _over(rows, rival, mine)),
                  _at_least(f"our fps over {rival}", 1.0, _ratio(fps, _of(rows, rival, "fps")))]
    return [{**gate, "met": None} for gate in found] if rehearsal else found


def ratios(rows: dict[str, dict]) -> dict[str, float]:
    """Everything against the best engine at the rivals' size; above 1 is in its favour. Streams on over off."""
    half = HALF if any(HALF in name for name in rows) else WHOLE
    best = rows.get(f"ours {best_engine(rows)} {half}", {})
    made: dict[str, float] = {}
    for name, row in rows.items():
        if row is not best and " to " not in name and "fps" in row and "fps" in best:
            made[f"latency of {name}"] = round(row["p50_ms"] / best["p50_ms"], 3)
            made[f"fps over {name}"] = round(best["fps"] / row["fps"], 3)
    for name, row in rows.items():
        apart = rows.get(name.removesuffix(", one stream"), {})
        if name.endswith(", one stream") and "fps" in row and "fps" in apart:
            made["streams apart over one stream, fps"] = round(apart["fps"] / row["fps"], 3)
    return made


def _of(rows: dict[str, dict], name: str, figure: str) -> float | None:
    return rows.get(name, {}).get(figure)


def _ratio(above: float | None, below: float | None) -> float | None:
    return round(above / below, 3) if above is not None and below else None


def _over(rows: dict[str, dict], name: str, mine: float | None) -> float | None:
    return _ratio(_of(rows, name, "p50_ms"), mine)


def _at_most(what: str, goal: float, measured: float | None, reported: bool = False) -> dict:
    return _gate(what, f"<= {goal:g}", measured, None if measured is None else measured <= goal, reported)


def _at_least(what: str, goal: float, measured: float | None, reported: bool = False) -> dict:
    return _gate(what, f">= {goal:g}", measured, None if measured is None else measured >= goal, reported)


def _gate(what: str, goal: str, measured: float | None, met: bool | None, reported: bool) -> dict:
    return {"what": what, "goal": "reported" if reported else goal, "measured": measured,
            "met": None if reported else met}  # fmt: skip
