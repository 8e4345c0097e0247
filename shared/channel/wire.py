# SPDX-License-Identifier: Apache-2.0
"""The control protocol's bytes: one message is one JSON object in UTF-8. This is its specification.

Used by channel.py in both processes. A message is at most 64 KiB:
    {"v": 1, "type": "open_stream", "id": 7, "body": {"stream_id": 1, ...}}
v: protocol version, 1. type: a class of MODULES below in snake_case. id: the asker's request id,
0 to 2**63 - 1; a reply repeats it, a broadcast has 0. body: exactly the fields of the class (those with a
default may be missing), inner dataclasses as objects, tuples as arrays. Exactly these four keys.

Refused with a WireError, whose code is
    oversized        more than 64 KiB
    malformed        not UTF-8, not JSON, NaN or Infinity, a key twice, deeper than 8, not the four keys
    unknown_version  v is another number: the two sides are of different releases
    unknown_message  type is not known
    bad_field        a field is missing, unknown, of another type or out of range; the error names it
Invariant: what decode returns is valid and encode(decode(x)) means the same as x; no input makes decode
raise anything but WireError.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from mirage_lsd.shared.errors import FieldError, WireError
from mirage_lsd.shared.messages import look_commands, look_events, worker_commands, worker_events
from mirage_lsd.shared.messages.fields import MAX_INTEGER, build
from mirage_lsd.shared.messages.strict_json import parse

VERSION = worker_commands.PROTOCOL
MODULES = (worker_commands, worker_events, look_commands, look_events)
MAX_MESSAGE_BYTES = 64 * 1024
_KEYS = {"v", "type", "id", "body"}
_BASES = (worker_commands.WorkerCommand, look_commands.LookRequest, worker_events.Event)


def message_classes() -> dict[str, type]:
    """Every message by its name on the wire, found by walking MODULES."""
    classes = {}
    for module in MODULES:
        for value in vars(module).values():
            ours = isinstance(value, type) and issubclass(value, _BASES) and value.__module__ == module.__name__
            if ours and dataclasses.is_dataclass(value) and not value.__name__.startswith("_"):
                classes[wire_name(value)] = value
    return classes


def wire_name(kind: type) -> str:
    """OpenStream -> open_stream."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def encode(message: Any, request_id: int = 0) -> bytes:
    """Bytes of a command or an event. Raises WireError: unknown_message, bad_field (the id), oversized."""
    name = wire_name(type(message))
    if _CLASSES.get(name) is not type(message):
        raise WireError(f"{type(message).__name__} is not a message: see wire.MODULES", "unknown_message")
    _check_id(request_id)
    content = {"v": VERSION, "type": name, "id": request_id, "body": dataclasses.asdict(message)}
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    _check_size(data)
    return data


def decode(data: bytes) -> tuple[int, Any]:
    """The request id and the message in these bytes. Raises WireError and nothing else."""
    _check_size(data)
    try:
        content = parse(data)
    except ValueError as error:
        raise WireError(f"the message is not JSON as this protocol has it: {error}", "malformed") from error
    if type(content) is not dict or set(content) != _KEYS:
        raise WireError('a message is a JSON object with exactly the keys "v", "type", "id" and "body"', "malformed")
    request_id = _check_id(content["id"])
    if type(content["v"]) is not int or content["v"] != VERSION:
        text = f"protocol version {_short(content['v'])} is not known, only {VERSION}: use one release"
        raise WireError(text, "unknown_version", request_id)
    name = content["type"]
    kind = _CLASSES.get(name) if type(name) is str else None
    if kind is None:
        text = f"message type {_short(name)} is not known; known: {', '.join(sorted(_CLASSES))}"
        raise WireError(text, "unknown_message", request_id)
    try:
        return request_id, build(kind, content["body"])
    except FieldError as error:
        raise WireError(f"{name}: {error}", "bad_field", request_id, ascii(error.field)[1:-1][:200]) from error


def _check_size(data: bytes) -> None:
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"the message has {len(data)} bytes, at most {MAX_MESSAGE_BYTES} are allowed", "oversized")


def _check_id(request_id: Any) -> int:
    if type(request_id) is not int or not 0 <= request_id <= MAX_INTEGER:
        raise WireError(
            f"id is {_short(request_id)}; it must be a whole number from 0 to 2**63 - 1",
            "bad_field",
            field="id",
        )
    return request_id


def _short(value: Any) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


_CLASSES = message_classes()
