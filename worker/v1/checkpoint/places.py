# SPDX-License-Identifier: Apache-2.0
"""Where downloaded models and accepted licences lie: the user's data folder, never the package's."""
from __future__ import annotations

import os
from pathlib import Path


def models_dir() -> Path:
    """MIRAGE_LSD_MODELS, else `mirage-lsd/models` in the user's data folder. May not exist yet."""
    if "MIRAGE_LSD_MODELS" in os.environ:
        return Path(os.environ["MIRAGE_LSD_MODELS"])
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return Path(base) / "mirage-lsd" / "models"
