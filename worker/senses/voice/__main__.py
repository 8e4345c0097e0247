# SPDX-License-Identifier: Apache-2.0
"""`python -m mirage_lsd.worker.senses.voice`: see service.py. Called by the OBS half or the CLI.

Invariant: numpy's own threads are limited before numpy is loaded, as the picture needs the other cores.
"""

from __future__ import annotations

import importlib
import os
import sys

if __name__ == "__main__":
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    sys.exit(importlib.import_module("mirage_lsd.worker.senses.voice.service").main())
