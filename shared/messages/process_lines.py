# SPDX-License-Identifier: Apache-2.0
"""Lines between a child process and its owner: one JSON object a line, its "type" the message's name.

Used by voice_lines.py and gesture_lines.py, and by obs_script/processes/line_process.py, which owns such processes.
Invariant: an instance is valid (FieldError otherwise), and `read` makes nothing else.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.errors import FieldError, MirageError
from mirage_lsd.shared.messages.fields import Checked, build, string
from mirage_lsd.shared.messages.strict_json import parse

CANNOT_WORK = 2
"""Exit status of a process that has said, in a Failed, why it cannot work as asked: trying again would not help."""


class LineError(MirageError):
    """A line that is none of the two sides' messages."""

    code = "bad_settings"


class LineMessage(Checked):
    """Base of what follows the launch line, in both directions; checks the fields."""


class Started(LineMessage):
    """Base of the message that says: it works now."""


@dataclass(frozen=True)
class Failed(LineMessage):
    """It cannot go on as asked; text says what to do. With code other_release, text is the process's release."""

    code: str = string(100)
    text: str = string(4000)


class Lines:
    """The messages of one kind of process, by their names."""

    def __init__(self, *kinds: type) -> None:
        self._kinds = {wire.wire_name(kind): kind for kind in (*kinds, Failed)}

    def write(self, message: Any) -> str:
        """One line of JSON, with the newline."""
        return json.dumps({"type": wire.wire_name(type(message)), **dataclasses.asdict(message)}) + "\n"

    def read(self, line: str) -> Any:
        """The message in a line. LineError for anything that is none."""
        try:
            content = parse(line.encode("utf-8", "replace"))
            return build(self._kinds[content.pop("type")], content)
        except (ValueError, KeyError, TypeError, AttributeError, FieldError) as error:
            raise LineError(f"not one of the lines {', '.join(self._kinds)}: {error}") from error
