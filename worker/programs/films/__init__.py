# SPDX-License-Identifier: Apache-2.0
"""Films, read and written by ffmpeg's libraries (PyAV, the extra `film`): pictures, sound and what the container says.

Used by `mirage-lsd run`, on one thread. Invariants: a film keeps its times, pixel shape, colours and sound, and
whatever it cannot keep is told; nothing appears under the wanted name before it is whole.

Importing this package is light; its modules import PyAV, so call `require` before them.
"""

from __future__ import annotations

import importlib.util
import logging

from mirage_lsd.shared.errors import MirageError


class FilmError(MirageError):
    """A film cannot be read or written. Codes: bad_video, hdr, not_installed, bad_output, exists, no_room."""

    code = "bad_video"


def require() -> None:
    """That PyAV and the progress bar are there; else FilmError saying how to install them. Sets PyAV up."""
    missing = [name for name in ("av", "tqdm") if importlib.util.find_spec(name) is None]
    if missing:
        raise FilmError("films need PyAV, which is not installed: ./installers/install.sh install --extras film "
                        "(or: pip install 'mirage-lsd[film]')", "not_installed")  # fmt: skip
    import av.logging

    av.logging.set_level(av.logging.ERROR)  # an error then brings what ffmpeg said about it
    logging.getLogger("libav").addHandler(logging.NullHandler())
    logging.getLogger("libav").propagate = False
