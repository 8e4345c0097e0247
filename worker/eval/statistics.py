# SPDX-License-Identifier: Apache-2.0
"""Figures out of figures: means that skip what a clip does not have, intervals, drift. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

RESAMPLES = 2000


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values there are; None when there are none (None and nan do not count)."""
    there = [value for value in values if value is not None and not np.isnan(value)]
    return float(np.mean(there)) if there else None


def bootstrap_interval(values: list[float], share: float = 0.95, seed: int = 1) -> tuple[float, float] | None:
    """Confidence interval of the mean by resampling clips; None for fewer than two clips."""
    if len(values) < 2:
        return None
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    means = np.asarray(values, float)[picks].mean(axis=1)
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def percent_change(first: float, last: float) -> float:
    """How far `last` is from `first`, in percent of `first`, never negative."""
    if first == last:
        return 0.0
    return 100.0 * abs(last - first) / max(abs(first), 1e-9)


def drift_percent(first: dict[str, float], last: dict[str, float]) -> float:
    """The largest change of any figure between the first and the last frames of a long run."""
    return max(percent_change(first[name], last[name]) for name in first)


def percent_worse(error: float, reference: float) -> float:
    """By how many percent an error exceeds a reference error (negative: smaller)."""
    return 100.0 * (error / max(reference, 1e-9) - 1.0)
