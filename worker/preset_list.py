# SPDX-License-Identifier: Apache-2.0
"""`python -m mirage_lsd.worker.preset_list`: the presets as one line of JSON, for the OBS half.

Started by obs_script/preset_reader.py at the start and whenever a preset file changes. Invariant: it always prints
one PresetList, whatever is in the user's file.
"""

from __future__ import annotations

import dataclasses
import json

from mirage_lsd.worker.presets import THUMBNAILS, load_presets


def main() -> None:
    """Prints {"presets": [...], "problem": text, "files": [...], "thumbnails": folder}."""
    found = load_presets()
    content = {
        "presets": [dataclasses.asdict(preset) for preset in found.by_id.values()],
        "problem": found.problem,
        "files": [str(path) for path in found.files],
        "thumbnails": str(THUMBNAILS),
    }
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
