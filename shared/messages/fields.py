# SPDX-License-Identifier: Apache-2.0
"""Rules for the fields of messages and settings, stated once where the field is declared.

Used by every message, the settings and the launch lines, in all processes. Invariant: an instance of a Checked class
holds only values its rules allow, whoever made it.
Each refusal is a FieldError that names the field, what it was and what is allowed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mirage_lsd.shared.channel.curve import decode_key
from mirage_lsd.shared.errors import FieldError

MAX_INTEGER = 2**63 - 1
_RULE = "rule"
_NO_DEFAULT = dataclasses.MISSING


@dataclass(frozen=True)
class Rule:
    """`accept(value, name)` returns the value to keep or raises FieldError; `nested`: an inner class."""

    accept: Callable[[Any, str], Any]
    nested: type | None = None
    many: bool = False


def integer(low: int = 0, high: int = MAX_INTEGER, default: Any = _NO_DEFAULT) -> Any:
    """A whole number from low to high."""

    def accept(value: Any, name: str) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _refused(name, value, f"a whole number from {low} to {high}")
        return value

    return _field(Rule(accept), default)


def number(low: float = 0.0, high: float = 1e15, default: Any = _NO_DEFAULT) -> Any:
    """A finite number from low to high; whole numbers become floats."""

    def accept(value: Any, name: str) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            raise _refused(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    return _field(Rule(accept), default)


def string(max_chars: int, default: Any = _NO_DEFAULT, min_chars: int = 0) -> Any:
    """Text of at most max_chars characters, encodable as UTF-8, without NUL."""
    return _field(Rule(_accept_text(max_chars, min_chars)), default)


def strings(max_chars: int, max_items: int, default: Any = _NO_DEFAULT) -> Any:
    """A tuple of texts."""
    accept_one = _accept_text(max_chars, 0)

    def accept(value: Any, name: str) -> tuple[str, ...]:
        return tuple(accept_one(item, f"{name}[{i}]") for i, item in enumerate(_items(value, name, max_items)))

    return _field(Rule(accept), default)


def key(secret: bool = False) -> Any:
    """A CURVE key in its 40-character Z85 form. Never shown in an error; a secret one not in repr either."""

    def accept(value: Any, name: str) -> str:
        try:
            decode_key(value if type(value) is str else "")
        except ValueError as error:
            raise FieldError(f"{name}: {error}", name) from error
        return value

    return dataclasses.field(metadata={_RULE: Rule(accept)}, repr=not secret)


def flag(default: Any = _NO_DEFAULT) -> Any:
    """True or false."""

    def accept(value: Any, name: str) -> bool:
        if type(value) is not bool:
            raise _refused(name, value, "true or false")
        return value

    return _field(Rule(accept), default)


def choice(*allowed: Any, default: Any = _NO_DEFAULT) -> Any:
    """One of a few values, of exactly their type."""

    def accept(value: Any, name: str) -> Any:
        if not any(type(value) is type(known) and value == known for known in allowed):
            raise _refused(name, value, "one of " + ", ".join(map(repr, allowed)))
        return value

    return _field(Rule(accept), default)


def nested(kind: type) -> Any:
    """An inner dataclass of this kind (in JSON: an object)."""

    def accept(value: Any, name: str) -> Any:
        if type(value) is not kind:
            raise _refused(name, value, f"an object with the fields of {kind.__name__}")
        return value

    return _field(Rule(accept, kind), _NO_DEFAULT)


def nested_many(kind: type, max_items: int, default: Any = _NO_DEFAULT) -> Any:
    """A tuple of inner dataclasses of this kind."""

    def accept(value: Any, name: str) -> tuple[Any, ...]:
        items = _items(value, name, max_items)
        for i, item in enumerate(items):
            if type(item) is not kind:
                raise _refused(f"{name}[{i}]", item, f"an object with the fields of {kind.__name__}")
        return tuple(items)

    return _field(Rule(accept, kind, many=True), default)


class Checked:
    """Base of frozen dataclasses: holds each field to its rule when an instance is made, or FieldError."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kept = rule_of(field).accept(getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, kept)


def rule_of(declared: dataclasses.Field) -> Rule:
    """The rule a field was declared with."""
    return declared.metadata[_RULE]


def build(kind: type, values: Any, name: str = "") -> Any:
    """Make a `kind` from a JSON object: every field known, the required ones present. Raises FieldError."""
    prefix = name + "." if name else ""
    if type(values) is not dict:
        raise _refused(name or "body", values, f"an object with the fields of {kind.__name__}")
    declared = {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        if key not in declared:
            known = ", ".join(declared) or "none"
            raise FieldError(f"{prefix}{_short(key)} is not a field of {kind.__name__}; it has: {known}", prefix + key)
    arguments = {}
    for key, field in declared.items():
        if key in values:
            arguments[key] = _inner(rule_of(field), values[key], prefix + key)
        elif field.default is _NO_DEFAULT:
            raise FieldError(f"{prefix}{key} is missing: {kind.__name__} needs it", prefix + key)
    try:
        return kind(**arguments)
    except FieldError as error:
        raise FieldError(prefix + str(error), prefix + error.field) from error


def _inner(rule: Rule, value: Any, name: str) -> Any:
    if rule.nested is None:
        return value
    if not rule.many:
        return build(rule.nested, value, name)
    if type(value) is not list:
        raise _refused(name, value, "a list")
    return [build(rule.nested, item, f"{name}[{i}]") for i, item in enumerate(value)]


def _accept_text(max_chars: int, min_chars: int) -> Callable[[Any, str], str]:
    def accept(value: Any, name: str) -> str:
        if type(value) is not str or not min_chars <= len(value) <= max_chars or "\0" in value:
            raise _refused(name, value, f"text of {min_chars} to {max_chars} characters without NUL")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _refused(name, value, "text without lone surrogates")
        return value

    return accept


def _items(value: Any, name: str, max_items: int) -> list[Any] | tuple[Any, ...]:
    if type(value) not in (list, tuple) or len(value) > max_items:
        raise _refused(name, value, f"a list of at most {max_items}")
    return value


def _refused(name: str, value: Any, wanted: str) -> FieldError:
    return FieldError(f"{name} is {_short(value)}; it must be {wanted}", name)


def _short(value: Any) -> str:
    shown = ascii(value) if not isinstance(value, (list, tuple, dict)) else f"a {type(value).__name__}"
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _field(rule: Rule, default: Any) -> Any:
    metadata = {_RULE: rule}
    if default is _NO_DEFAULT:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
