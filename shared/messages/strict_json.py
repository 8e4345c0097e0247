# SPDX-License-Identifier: Apache-2.0
"""JSON from another process, read strictly: what Python's own reader lets pass is refused here.

Called by wire.py and endpoints.py. Invariant: for any bytes it returns plain JSON values or raises ValueError
with a text for people; it never recurses deeper than MAX_DEPTH.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 8
_BRACKETS_AND_STRINGS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse(data: bytes) -> Any:
    """The JSON value in UTF-8 bytes. ValueError: not UTF-8, not JSON, NaN, a key twice, too deep."""
    try:
        text = bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    _check_depth(text)
    return json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)


def _check_depth(text: str) -> None:
    depth = 0
    for token in _BRACKETS_AND_STRINGS.findall(text):
        depth += _STEP.get(token, 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")
