# SPDX-License-Identifier: Apache-2.0
"""A window that shows pictures, for the SDK's `render`. Needs a screen and Python's own tkinter, nothing else.

Made and used by one thread (Tk's rule). Invariant: a closed window stays closed; `show` then returns False.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.shared.errors import MirageError


class WindowError(MirageError):
    """A window cannot be shown."""

    code = "no_window"


class Window:
    """One window; `show` brings it up to date and lets it answer the mouse."""

    def __init__(self, title: str = "Mirage LSD") -> None:
        try:
            import tkinter
        except ImportError as error:
            raise WindowError("showing a window needs tkinter (Debian: apt install python3-tk); or give start() an "
                              "on_frame of your own") from error  # fmt: skip
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise WindowError(f"no window can be shown: {error}; give start() an on_frame of your own") from error
        self._image = tkinter.PhotoImage(master=self._root)
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._note_closed)
        tkinter.Label(self._root, image=self._image, borderwidth=0).pack()
        self._open = True

    def show(self, picture: np.ndarray) -> bool:
        """picture: uint8 [h, w, 3] BGR. False once the user has closed the window."""
        if self._open:
            height_px, width_px = picture.shape[:2]
            rgb = np.ascontiguousarray(picture[..., ::-1])
            self._image.configure(data=b"P6 %d %d 255\n" % (width_px, height_px) + rgb.tobytes(), format="ppm")
            self._root.update()
        return self._open

    def close(self) -> None:
        """Takes the window away; also after the user has closed it."""
        self._open = False
        self._root.destroy()

    def _note_closed(self) -> None:
        self._open = False
