# SPDX-License-Identifier: Apache-2.0
"""The control block: one layout on both sides, texts that are never half new, and what tools read from it."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from mirage_lsd.obs_script.host import control_block
from mirage_lsd.obs_script.host.control_block import Area, ControlBlock, Latency
from mirage_lsd.shared.errors import MirageError

LUA = (Path(__file__).resolve().parents[3] / "obs_script/render/memory/block_layout.lua").read_text(encoding="utf-8")


@pytest.fixture
def block(tmp_path):
    block = ControlBlock.create(str(tmp_path / control_block.FILE_NAME))
    yield block
    block.close()


def lua_table(name: str) -> dict[str, tuple[int, ...]]:
    """A table of block_layout.lua: name -> its numbers."""
    body = re.search(rf"^  {name} = {{\n(.*?)^  }},", LUA, re.M | re.S).group(1)
    return {key: tuple(map(int, re.findall(r"\d+", value))) for key, value in re.findall(r"(\w+) = ([^\n]*),\n", body)}


@pytest.mark.parametrize("name", ["header_words", "slot_words", "header_texts", "slot_texts"])
def test_lua_and_python_agree_on_every_offset(name):
    mine = getattr(control_block, name.upper())
    assert lua_table(name) == {key: value if isinstance(value, tuple) else (value,) for key, value in mine.items()}


def test_lua_and_python_agree_on_sizes_and_reasons():
    sizes = {key: int(value) for key, value in re.findall(r"^  ([A-Z_]+) = (\d+),$", LUA, re.M)}
    assert sizes == {key: getattr(control_block, key) for key in sizes}
    assert len(sizes) == 9
    assert lua_table("reasons") == {name: (number,) for number, name in enumerate(control_block.REASONS)}


def test_nothing_overlaps():
    for words, texts, end in (
        (control_block.HEADER_WORDS, control_block.HEADER_TEXTS, control_block.HEADER_BYTES),
        (control_block.SLOT_WORDS, control_block.SLOT_TEXTS, control_block.LATENCY_OFFSET),
    ):
        places = [(offset, offset + 8) for offset in words.values()]
        places += [(offset, offset + 16 + capacity) for offset, capacity in texts.values()]
        places.sort()
        assert all(one[1] <= other[0] for one, other in zip(places, places[1:], strict=False))
        assert places[-1][1] <= end


def test_words_and_texts_are_seen_through_another_mapping(block):
    block.slots[3].put("epoch", 2**63 + 5)
    block.slots[3].put_text("status", "läuft\n✓")
    other = ControlBlock.open(block.path)
    assert other.slots[3].get("epoch") == 2**63 + 5
    assert other.slots[3].text("status") == "läuft\n✓"
    assert other.slots[2].text("status") == ""
    other.close()


def test_a_text_too_long_is_cut_at_a_character(block):
    block.slots[0].put_text("parent_name", "é" * 1000)
    assert block.slots[0].text("parent_name") == "é" * 248


def test_a_text_is_never_half_old_and_half_new(block):
    texts = {"a" * 3000, "b" * 3500}
    done = threading.Event()

    def write():
        for number in range(3000):
            block.slots[0].put_text("status", "ab"[number % 2] * (3000 if number % 2 == 0 else 3500))
        done.set()

    block.slots[0].put_text("status", "a" * 3000)
    thread = threading.Thread(target=write)
    thread.start()
    reader, seen = ControlBlock.open(block.path), set()
    while not done.is_set():
        seen.add(reader.slots[0].text("status"))
    thread.join()
    reader.close()
    assert seen - {None} <= texts


def log(slot: Area, number: int) -> None:
    """Write latency entry `number`, as Lua does."""
    start = (control_block.LATENCY_OFFSET + number % control_block.LATENCY_ENTRIES * 72) // 8
    for index in range(9):
        slot._view[start + index] = number * 10 + index
    slot.put("latency_head", number + 1)


def test_the_latency_log_gives_the_newest_entries(block):
    slot = block.slots[1]
    slot.put("instance", 1)
    for number in range(1500):
        log(slot, number)
    rows = slot.latencies()[1]
    assert len(rows) == control_block.LATENCY_ENTRIES - 1
    assert rows[-1] == Latency(*range(14990, 14999))
    assert rows[0].frame_id == (1500 - 1023) * 10
    assert slot.latencies(after=1498) == (1500, rows[-2:])


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(b"x" * control_block.TOTAL_BYTES)
    with pytest.raises(MirageError, match="not a control block"):
        ControlBlock.open(str(path))
