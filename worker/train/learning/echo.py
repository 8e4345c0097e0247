# SPDX-License-Identifier: Apache-2.0
"""Data echoing (Choi et al. 2019): batches that are slow to make are met several times.

Called by the loader and by stages that make something slow of its batches. Invariant: every batch comes, in order.
"""
from __future__ import annotations

import random
from collections.abc import Iterator

from torch import Tensor


def met_again(batches: Iterator[dict[str, Tensor]], keep: int, times: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Every batch when it comes, and after it times - 1 of the `keep` that are kept."""
    rng, kept = random.Random(seed), []
    for batch in batches:
        yield batch
        if len(kept) == keep:
            kept.pop(rng.randrange(keep))
        kept.append(batch)
        for _ in range(times - 1):
            yield rng.choice(kept)
