# SPDX-License-Identifier: Apache-2.0
"""The control messages on the wire: each class found by walking the package round-trips, each fault has its code."""

from __future__ import annotations

import ast
import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.errors import FieldError, WireError
from mirage_lsd.shared.messages import fields, worker_commands, worker_events
from mirage_lsd.shared.messages.settings import StreamSettings

CLASSES = wire.message_classes()
SAMPLES: dict[str, list[Any]] = {}


def candidates(seed: int) -> list[Any]:
    """Values of every sort, among which each field's rule finds one it accepts."""
    chance = random.Random(seed)
    return [
        chance.randint(2, 5),
        chance.choice([24, 30, 60]),
        1,
        chance.random(),
        chance.choice([True, False]),
        chance.choice(["lsd", "passthrough"]),
        chance.choice(["small", "medium", "large"]),
        chance.choice(["auto", "cpu", "cuda"]),
        chance.choice(["outfit", "scene"]),
        "victory",
        "".join(chance.choice('abcé漢😀\n\t"\\/\u2028 ') for _ in range(chance.randint(1, 40))),
        ("a", "ü"),
    ]


def make(kind: type, seed: int) -> Any:
    """An instance of a message class with values that depend on the seed."""
    arguments = {}
    for declared in dataclasses.fields(kind):
        rule = fields.rule_of(declared)
        if rule.nested is not None:
            inner = make(rule.nested, seed + 1)
            arguments[declared.name] = (inner, inner) if rule.many else inner
            continue
        for value in candidates(seed):
            try:
                arguments[declared.name] = rule.accept(value, declared.name)
                break
            except FieldError:
                continue
    return kind(**arguments)


def test_every_dataclass_in_the_message_modules_is_a_message(checkout: Path) -> None:
    """Counted in the source, so that a message cannot be forgotten by the walk."""
    written = 0
    for module in wire.MODULES:
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.decorator_list]
        written += sum(not node.name.startswith("_") for node in classes)
    assert written == len(CLASSES) >= 35


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_message_round_trips(name: str) -> None:
    for seed in range(50):
        message = make(CLASSES[name], seed)
        request_id = random.Random(seed).randint(0, 2**63 - 1)
        data = wire.encode(message, request_id)
        assert wire.decode(data) == (request_id, message)
        assert json.loads(data)["type"] == name


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_message_documents_itself_and_is_frozen(name: str) -> None:
    kind = CLASSES[name]
    assert kind.__doc__ and "(" not in kind.__doc__.split(" ")[0]
    message = make(kind, 1)
    for declared in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(message, declared.name, 1)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_field_refuses_every_wrong_type(name: str) -> None:
    good = json.loads(wire.encode(make(CLASSES[name], 3), 9))
    for declared in dataclasses.fields(CLASSES[name]):
        for wrong in (None, [], [[]], {"a": 1}, "\0", "x" * 60_000, -1, 1e300, 2**64, True, 1.5, "\ud800"):
            try:
                fields.rule_of(declared).accept(wrong, declared.name)
            except FieldError:
                bad = {**good, "body": {**good["body"], declared.name: wrong}}
                error = refusal(json.dumps(bad).encode())
                assert (error.code, error.request_id) == ("bad_field", 9)
                assert declared.name in error.field


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_field_that_is_missing_or_unknown_is_named(name: str) -> None:
    good = json.loads(wire.encode(make(CLASSES[name], 4), 9))
    for declared in dataclasses.fields(CLASSES[name]):
        if declared.default is dataclasses.MISSING:
            body = {k: v for k, v in good["body"].items() if k != declared.name}
            error = refusal(json.dumps({**good, "body": body}).encode())
            assert (error.code, error.field) == ("bad_field", declared.name)
    error = refusal(json.dumps({**good, "body": {**good["body"], "extra": 1}}).encode())
    assert (error.code, error.field) == ("bad_field", "extra")


def refusal(data: bytes) -> WireError:
    """The error that decoding raises; its text must be fit for people."""
    with pytest.raises(WireError) as caught:
        wire.decode(data)
    text = str(caught.value)
    assert 10 < len(text) < 1000 and text.isprintable(), text
    return caught.value


PING = '{"v":1,"type":"ping","id":5,"body":{"sent_ns":1}}'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed"),
        (b"\xff\xfe{}", "malformed"),
        (b"\xed\xa0\x80", "malformed"),
        (b"[1]", "malformed"),
        (b"7", "malformed"),
        (b"null", "malformed"),
        (b'"ping"', "malformed"),
        (PING[:-1].encode(), "malformed"),
        ((PING + "x").encode(), "malformed"),
        ((PING * 2).encode(), "malformed"),
        (b"[" * 60_000, "malformed"),
        (b'{"a":' * 10_000, "malformed"),
        (b'{"v":1,"v":1,"type":"ping","id":5,"body":{"sent_ns":1}}', "malformed"),
        (PING.replace('"sent_ns":1', '"sent_ns":1,"sent_ns":1').encode(), "malformed"),
        (PING.replace(":1}", ":NaN}").encode(), "malformed"),
        (PING.replace(":1}", ":-Infinity}").encode(), "malformed"),
        (PING.replace(":1}", ":" + "9" * 5000 + "}").encode(), None),
        (b'{"v":1,"type":"ping","id":5}', "malformed"),
        (PING.replace('"v":1', '"v":1,"x":2').encode(), "malformed"),
        (PING.replace('"v":1', '"v":2').encode(), "unknown_version"),
        (PING.replace('"v":1', '"v":true').encode(), "unknown_version"),
        (PING.replace('"v":1', '"v":"1"').encode(), "unknown_version"),
        (PING.replace('"v":1', '"v":1.0').encode(), "unknown_version"),
        (PING.replace("ping", "pong2").encode(), "unknown_message"),
        (PING.replace("ping", "Ping").encode(), "unknown_message"),
        (PING.replace('"ping"', "[1]").encode(), "unknown_message"),
        (PING.replace('"id":5', '"id":-1').encode(), "bad_field"),
        (PING.replace('"id":5', '"id":true').encode(), "bad_field"),
        (PING.replace('"id":5', '"id":"5"').encode(), "bad_field"),
        (PING.replace('"id":5', '"id":9223372036854775808').encode(), "bad_field"),
        (PING.replace('{"sent_ns":1}', "[]").encode(), "bad_field"),
        (PING.replace('{"sent_ns":1}', "null").encode(), "bad_field"),
        (PING.replace(":1}", ":1e999}").encode(), "bad_field"),
        (PING.replace(":1}", ":1.0}").encode(), "bad_field"),
        (b" " * (65537 - len(PING)) + PING.encode(), "oversized"),
    ],
)
def test_every_fault_has_its_code(data: bytes, code: str | None) -> None:
    error = refusal(data)
    assert error.code == code if code else error.code in ("malformed", "bad_field")


def test_the_request_id_survives_where_it_can_be_read() -> None:
    assert refusal(PING.replace('"v":1', '"v":2').encode()).request_id == 5
    assert refusal(PING.replace("ping", "pung").encode()).request_id == 5
    assert refusal(PING.replace(":1}", ":-1}").encode()).request_id == 5
    assert refusal(PING[:-1].encode()).request_id == 0


def test_a_message_of_exactly_the_limit_passes() -> None:
    data = PING.encode()
    assert wire.decode(data + b" " * (wire.MAX_MESSAGE_BYTES - len(data))) == (5, worker_commands.Ping(1))


def test_brackets_inside_text_are_no_nesting() -> None:
    message = worker_commands.Shutdown('[[[[[[[[[[{{{{{{{{{{"\\"[[[[[[[[')
    assert wire.decode(wire.encode(message)) == (0, message)


def test_a_nested_fault_is_named_with_its_path() -> None:
    body = {"stream_id": 1, "generation": 2, "settings": {"steps": 9}}
    error = refusal(json.dumps({"v": 1, "type": "apply_settings", "id": 3, "body": body}).encode())
    assert (error.field, error.request_id) == ("settings.steps", 3)
    assert "1 to 5" in str(error)
    body["settings"] = {"stps": 1}
    assert (
        refusal(json.dumps({"v": 1, "type": "apply_settings", "id": 3, "body": body}).encode()).field == "settings.stps"
    )


def test_fields_with_a_default_may_be_missing() -> None:
    data = b'{"v":1,"type":"apply_settings","id":3,"body":{"stream_id":1,"generation":2,"settings":{"seed":4}}}'
    assert wire.decode(data)[1].settings == StreamSettings(seed=4)


def test_what_is_no_message_cannot_be_encoded() -> None:
    for thing in (StreamSettings(), 1, None, object(), "ping"):
        with pytest.raises(WireError) as caught:
            wire.encode(thing)
        assert caught.value.code == "unknown_message"
    with pytest.raises(WireError) as caught:
        wire.encode(worker_commands.GetStatus(), -1)
    assert caught.value.code == "bad_field"


def test_a_message_too_large_to_send_is_refused_by_its_sender() -> None:
    report = worker_events.Welcome(1, "1", 1, ("x" * 64,) * 256, ("漢" * 64,) * 256)
    with pytest.raises(WireError) as caught:
        wire.encode(report)
    assert caught.value.code == "oversized"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"strength": 1.01}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"strength": True}, "strength"),
        ({"steps": 0}, "steps"),
        ({"steps": 2.0}, "steps"),
        ({"pipeline": "other"}, "pipeline"),
        ({"target_fps": 25}, "target_fps"),
        ({"target_fps": 30.0}, "target_fps"),
        ({"device": "tpu"}, "device"),
        ({"prompt": "x" * 1001}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"enabled": 1}, "enabled"),
        ({"seed": -1}, "seed"),
        ({"structure_lock": float("inf")}, "structure_lock"),
    ],
)
def test_settings_are_checked_when_they_are_made(arguments: dict, field: str) -> None:
    with pytest.raises(FieldError, match="must be") as caught:
        StreamSettings(**arguments)
    assert (caught.value.field, caught.value.code) == (field, "bad_field")


def test_whole_numbers_become_floats_where_a_float_is_meant() -> None:
    assert type(StreamSettings(strength=1).strength) is float
