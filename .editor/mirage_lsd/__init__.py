# SPDX-License-Identifier: Apache-2.0
"""Mirage LSD: restyle a live video of a person.

    import mirage_lsd

    engine = mirage_lsd.StreamEngine(model="mirage-lsd-tiny", device="auto", fp16=True, max_steps=5,
                                     resolution=(720, 1280), prompt="red leather jacket")
    engine.start(input_source=0, on_frame=engine.render)     # camera 0, shown in a window

Importing this is light: numpy, OpenCV and the models come with the first StreamEngine, PyTorch only with
mirage-lsd-v1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirage_lsd.shared.errors import MirageError
    from mirage_lsd.worker.programs.stream_engine import StreamEngine

__all__ = ["MirageError", "StreamEngine"]


def __getattr__(name: str):
    """Loads what is asked for when it is asked for."""
    if name == "StreamEngine":
        from mirage_lsd.worker.programs.stream_engine import StreamEngine

        return StreamEngine
    if name == "MirageError":
        from mirage_lsd.shared.errors import MirageError

        return MirageError
    raise AttributeError(f"module 'mirage_lsd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
