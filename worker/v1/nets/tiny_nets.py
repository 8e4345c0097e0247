# SPDX-License-Identifier: Apache-2.0
"""LSD-tiny's shipped flow net and source encoder, which v1 sees motion and garments with. Loaded once a model."""
from __future__ import annotations

from pathlib import Path

from torch import nn

from mirage_lsd.worker.engines.device.eager import load_model
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS


def load_tiny_nets(weights: Path = DEFAULT_WEIGHTS) -> tuple[nn.Module, nn.Module]:
    """(flow net, source encoder), float32, frozen. Raises WeightsError."""
    tiny = load_model(weights).requires_grad_(False)
    return tiny.flow, tiny.encoder
