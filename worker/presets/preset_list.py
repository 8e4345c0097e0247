# SPDX-License-Identifier: Apache-2.0
"""`python -m mirage_lsd.worker.presets.preset_list`: the presets as one line of JSON, for the OBS half.

Started by obs_script/looks/preset_reader.py at the start and whenever a preset file changes. Invariant: it always
prints one PresetList, whatever is in the user's file.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from mirage_lsd.shared.release import RELEASE
from mirage_lsd.worker.presets.presets import LIBRARY, THUMBNAILS, load_presets, user_file


def main() -> None:
    """Prints {"release": text, "presets": [...], "problem": text, "files": [...], "stamps": [...], "thumbnails": …}."""
    stamps = [number for path in (LIBRARY, user_file()) for number in stamp(path)]  # before they are read
    listed = load_presets()
    content = {
        "release": RELEASE,
        "presets": [dataclasses.asdict(preset) for preset in listed.by_id.values()],
        "problem": listed.problem,
        "files": [str(path) for path in listed.files],
        "stamps": stamps,
        "thumbnails": str(THUMBNAILS),
    }
    print(json.dumps(content), flush=True)


def stamp(path: Path) -> tuple[int, int]:
    """When a file was written last (ns) and its size; zeros for one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


if __name__ == "__main__":
    main()
