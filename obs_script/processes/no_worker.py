# SPDX-License-Identifier: Apache-2.0
"""Stands in for the worker where there can be none, and until it is known whether there can be one.

Used by the plugin's supervisor thread in place of WorkerProcess and PresetReader. Invariant: it does nothing.
"""

from __future__ import annotations

from typing import Any


class NoWorker:
    """In place of WorkerProcess."""

    state, problem, no_use, launch, pid, welcome, ready = "not looked for yet", "", "", 0, 0, None, None
    silent = lost = False

    def step(self, wanted: bool) -> None:
        """Nothing to start."""

    def restart(self) -> None:
        """Nothing to restart."""

    def stop(self) -> None:
        """Nothing to stop."""

    def events(self) -> list[Any]:
        """Nothing came."""
        return []


class NoPresets:
    """In place of PresetReader."""

    def step(self) -> bool:
        """Nothing new."""
        return False

    def close(self) -> None:
        """Nothing to end."""
