# SPDX-License-Identifier: Apache-2.0
"""Which rings a filter gets while its source's size changes, on real rings and a real control block."""

from __future__ import annotations

import pytest

from mirage_lsd.obs_script.filters import ring_pair
from mirage_lsd.obs_script.filters.ring_pair import RingKeeper
from mirage_lsd.obs_script.host import control_block
from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.shared.errors import RingError


@pytest.fixture
def slot(tmp_path):
    block = ControlBlock.create(str(tmp_path / control_block.FILE_NAME))
    yield block.slots[0]
    block.close()


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test may add to."""
    added = [0.0]
    now = ring_pair.time.monotonic
    monkeypatch.setattr(ring_pair.time, "monotonic", lambda: now() + added[0])
    return added


@pytest.fixture
def keeper(slot, tmp_path, clock):
    keeper = RingKeeper(slot, lambda name: str(tmp_path / name), 1, lambda *_: None)
    yield keeper
    keeper.close()


def wants(keeper, slot, width_px: int, height_px: int) -> tuple[int, int]:
    """What Lua asks for, and the size of the rings after it; Lua takes them."""
    slot.put("want_width_px", width_px)
    slot.put("want_height_px", height_px)
    assert keeper.follow()
    slot.put("mapped_epoch", slot.get("epoch"))
    return keeper.now.size_px


def test_the_first_rings_fit_exactly_and_what_outgrows_them_gets_room(keeper, slot):
    assert wants(keeper, slot, 100, 90) == (100, 90)
    assert wants(keeper, slot, 102, 90) == (192, 90)
    assert [wants(keeper, slot, width_px, 90) for width_px in (110, 150, 192)] == [(192, 90)] * 3
    assert wants(keeper, slot, 193, 91) == (320, 192)
    assert slot.get("epoch") == 3


def test_a_source_that_has_come_to_rest_gives_the_room_back(keeper, slot, clock):
    wants(keeper, slot, 100, 90)
    wants(keeper, slot, 102, 90)
    clock[0] += ring_pair.SETTLED_S + 1
    assert wants(keeper, slot, 102, 90) == (102, 90)


def test_what_no_ring_holds_is_refused_until_another_size_comes(keeper, slot, tmp_path):
    wants(keeper, slot, 64, 64)
    slot.put("want_width_px", 9000)
    with pytest.raises(RingError, match="a ring holds"):
        keeper.follow()
    assert not keeper.follow()  # tried again later, and nothing is said meanwhile
    assert wants(keeper, slot, 64, 64) == (64, 64)


def test_a_side_that_leaves_no_room_for_more_gets_what_it_needs(keeper, slot):
    wants(keeper, slot, 64, 64)
    assert wants(keeper, slot, 7680, 64) == (7680, 64)


def test_rings_that_lua_has_left_are_removed(keeper, slot, tmp_path):
    wants(keeper, slot, 64, 64)
    wants(keeper, slot, 128, 64)
    keeper.follow()
    assert sorted(path.name for path in tmp_path.glob("*-1-*")) == ["in-1-2", "out-1-2"]
    keeper.close()
    assert not list(tmp_path.glob("*-1-*"))
