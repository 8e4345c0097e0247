# SPDX-License-Identifier: Apache-2.0
"""Keep in sync and the sound offset in a real OBS: however the delay ends, the user's own offset is back.

In OBS and in the file that OBS saves, where no note of ours stays behind either.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from obs_scene import Collection, Item, Scene, Script, Source, mirage_filter
from studio import FILTER_NAME, MIRAGE_SCRIPT, Studio

from mirage_lsd.obs_script.filters.sync import OWN_NS, own_offset_ns

pytestmark = pytest.mark.obs
OWN_MS, OTHERS_MS = 40, 250
MS = 1_000_000
UNDOER = Script(Path(__file__).parents[1] / "scripts" / "undoer.py")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """Two sources with sound, the first with a filter that keeps in sync; their own offsets are OWN_MS, OTHERS_MS."""
    clip = tmp_path / "clip.mkv"
    sound = ["-f", "lavfi", "-i", "sine=duration=5", "-f", "lavfi", "-i", "color=blue:size=64x36:duration=5"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, "-c:v", "ffv1", "-c:a", "flac", str(clip)], check=True)
    settings = {"is_local_file": True, "local_file": str(clip), "looping": True}
    sources = [
        Source("ffmpeg_source", "Clip", settings, [mirage_filter(pipeline="passthrough")]),
        Source("ffmpeg_source", "Other", settings),
    ]
    scene = Scene("Scene", [Item(source.name) for source in sources])
    collection = Collection([scene], sources, [Script(MIRAGE_SCRIPT), UNDOER])
    environment = {"UNDOER_FOLDER": str(tmp_path)}
    with Studio(tmp_path / "obs", [], collection=collection, environment=environment) as studio:
        studio.start()
        set_offset(studio, "Clip", OWN_MS)
        set_offset(studio, "Other", OTHERS_MS)
        studio.wait_styled("Clip")
        studio.set_filter("Clip", keep_in_sync=True)
        wait_delayed(studio, "Clip", OWN_MS)
        yield studio


def offset_ms(studio: Studio, source: str) -> int:
    return studio.request("GetInputAudioSyncOffset", inputName=source)["inputAudioSyncOffset"]


def set_offset(studio: Studio, source: str, ms: int) -> None:
    studio.request("SetInputAudioSyncOffset", inputName=source, inputAudioSyncOffset=ms)


def wait_own(studio: Studio, source: str, own_ms: int) -> None:
    studio.wait_until(lambda: offset_ms(studio, source) == own_ms, f"{source} to have {own_ms} ms again")


def wait_delayed(studio: Studio, source: str, own_ms: int, *filters: str) -> None:
    """Until the offset is the own one and what the filters hold their pictures for."""

    def agree() -> bool:
        held = [studio.slot(source, name).get("hold_ns") // MS for name in filters or (FILTER_NAME,)]
        return all(held) and offset_ms(studio, source) == own_ms + sum(held)

    studio.wait_until(agree, f"{source} to be delayed by what its filters hold")


def saved(studio: Studio, source: str) -> tuple[int, bool]:
    """(offset in ms, whether a note of ours is there) in the collection's file."""
    file = studio.folder / "obs-studio" / "basic" / "scenes" / "Mirage.json"
    (found,) = [one for one in json.loads(file.read_text())["sources"] if one["name"] == source]
    return found["sync"] // MS, "mirage_lsd" in json.dumps(found["private_settings"])


def add_filter(studio: Studio, source: str, name: str = FILTER_NAME) -> None:
    """As OBS's Copy and Paste do: with all settings of Clip's filter."""
    settings = studio.request("GetSourceFilter", sourceName="Clip", filterName=FILTER_NAME)["filterSettings"]
    studio.request("CreateSourceFilter", sourceName=source, filterName=name, filterKind="mirage_lsd",
                   filterSettings=settings)


def remove_filter(studio: Studio, source: str, name: str = FILTER_NAME) -> None:
    studio.request("RemoveSourceFilter", sourceName=source, filterName=name)


def ask(studio: Studio, word: str, source: str) -> None:
    """Something of undoer.py."""
    done = studio.folder.parent / "done"
    done.unlink(missing_ok=True)
    (studio.folder.parent / "wanted").write_text(f"{word} {source}")
    studio.wait_until(lambda: done.exists() and done.read_text() == word, word)


def test_a_pasted_filter_knows_the_offset_of_the_source_it_is_pasted_onto(studio: Studio) -> None:
    add_filter(studio, "Other")
    wait_delayed(studio, "Other", OTHERS_MS)
    studio.set_filter("Other", keep_in_sync=False)
    wait_own(studio, "Other", OTHERS_MS)
    wait_delayed(studio, "Clip", OWN_MS)
    remove_filter(studio, "Clip")
    wait_own(studio, "Clip", OWN_MS)


def eye(studio: Studio) -> None:
    studio.switch_filter("Clip", False)


def look_off(studio: Studio) -> None:
    studio.set_filter("Clip", enabled=False)


def removal(studio: Studio) -> None:
    remove_filter(studio, "Clip")


def renamed_and_removed(studio: Studio) -> None:
    studio.request("SetSourceFilterName", sourceName="Clip", filterName=FILTER_NAME, newFilterName="New")
    remove_filter(studio, "Clip", "New")


@pytest.mark.parametrize("end", [eye, look_off, removal, renamed_and_removed])
def test_the_end_of_the_delay_gives_the_own_offset_back(studio: Studio, end: Callable[[Studio], None]) -> None:
    end(studio)
    wait_own(studio, "Clip", OWN_MS)
    assert studio.quit() == 0
    assert saved(studio, "Clip") == (OWN_MS, False)


def test_a_renamed_source_is_the_same_source(studio: Studio) -> None:
    studio.request("SetInputName", inputName="Clip", newInputName="Film")
    studio.request("SetInputName", inputName="Other", newInputName="Clip")
    wait_delayed(studio, "Film", OWN_MS)
    remove_filter(studio, "Film")
    wait_own(studio, "Film", OWN_MS)
    assert offset_ms(studio, "Clip") == OTHERS_MS


@pytest.mark.parametrize("order", [(FILTER_NAME, "Second"), ("Second", FILTER_NAME)])
def test_two_filters_of_a_source_go_in_any_order(studio: Studio, order: tuple[str, str]) -> None:
    add_filter(studio, "Clip", "Second")
    wait_delayed(studio, "Clip", OWN_MS, *order)
    remove_filter(studio, "Clip", order[0])
    wait_delayed(studio, "Clip", OWN_MS, order[1])
    remove_filter(studio, "Clip", order[1])
    wait_own(studio, "Clip", OWN_MS)


def test_another_collection_saves_the_own_offset(studio: Studio) -> None:
    studio.request("CreateSceneCollection", sceneCollectionName="Empty")
    assert saved(studio, "Clip") == (OWN_MS, False)
    studio.request("SetCurrentSceneCollection", sceneCollectionName="Mirage")
    studio.wait_styled("Clip")
    wait_delayed(studio, "Clip", OWN_MS)


def killed(studio: Studio) -> None:
    studio.request("CreateScene", sceneName="More")  # so that OBS saves
    studio.wait_until(lambda: saved(studio, "Clip")[0] > OWN_MS, "OBS to save")
    studio.kill()


def closed(studio: Studio) -> None:
    """OBS saves before it tells scripts that it ends."""
    assert studio.quit() == 0


@pytest.mark.parametrize("end", [killed, closed])
def test_what_obs_saved_at_its_end_is_put_right(studio: Studio, end: Callable[[Studio], None]) -> None:
    end(studio)
    file = studio.folder / "obs-studio" / "basic" / "scenes" / "Mirage.json"
    written, changed = re.subn(r'"keep_in_sync": *true', '"keep_in_sync": false', file.read_text())  # OBS 32 spaces it
    assert changed == 1
    file.write_text(written)
    assert OWN_NS.decode() in file.read_text()
    studio.start()
    studio.wait_styled("Clip")
    wait_own(studio, "Clip", OWN_MS)
    assert studio.quit() == 0
    assert saved(studio, "Clip") == (OWN_MS, False)


def test_a_removed_source_that_comes_back_knows_its_own_offset(studio: Studio) -> None:
    ask(studio, "remove", "Clip")
    studio.wait_until(lambda: not list(studio.block().used()), "the source to be gone")
    ask(studio, "undo", "Clip")
    wait_delayed(studio, "Clip", OWN_MS)
    studio.set_filter("Clip", keep_in_sync=False)
    wait_own(studio, "Clip", OWN_MS)


def test_an_offset_that_the_user_changes_meanwhile_is_the_new_own_one(studio: Studio) -> None:
    set_offset(studio, "Clip", offset_ms(studio, "Clip") + 20)
    studio.set_filter("Clip", keep_in_sync=False)
    wait_own(studio, "Clip", OWN_MS + 20)


@pytest.mark.parametrize(
    ("now", "own"), [(140, 40), (160, 60), (120, 20), (40, 40), (0, 0), (-30, -30), (90, 90)]
)
def test_the_own_offset_is_told_from_what_is_found(now: int, own: int) -> None:
    """40 is the own one and 140 was set: a little more or less is a change of it, less than the delay is a new one."""
    assert own_offset_ns(now, 40, 140) == own
