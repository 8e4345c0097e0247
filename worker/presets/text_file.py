# SPDX-License-Identifier: Apache-2.0
"""Text files that people write, from any system's editor: UTF-8 with or without a byte order mark.

Called from any thread. Invariant: a file in another encoding is refused by that encoding's name or by the line where it
is not UTF-8, never read as other letters. (JSON needs no help: json.loads takes bytes in any Unicode encoding.)
"""

from __future__ import annotations

import codecs
from pathlib import Path

from mirage_lsd.shared.errors import MirageError

# UTF-32's mark for little endian begins as UTF-16's does.
MARKS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
         codecs.BOM_UTF16_BE: "UTF-16"}
SAVE_AS = 'save it as UTF-8 (in an editor: Save as, encoding "UTF-8")'


class TextFileError(MirageError):
    """A text file is not in UTF-8; the text says in what."""

    code = "bad_encoding"


def read_text(path: Path) -> str:
    """What the file says, line ends as they are. Raises TextFileError and OSError."""
    data = path.read_bytes()
    encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), "")
    if not encoding and b"\0" in data:
        encoding = "UTF-16"  # without its mark: no other text has zeros
    if encoding:
        raise TextFileError(f"{path} is saved as {encoding}; {SAVE_AS}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextFileError(f"{path} is not UTF-8 in line {line}; {SAVE_AS}") from error
