# SPDX-License-Identifier: Apache-2.0
"""Files that people edit, as other systems' editors save them: every reader takes them, or names the encoding."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import install_places
import pytest

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.shared.release import VERSION
from mirage_lsd.worker.engines.cache import is_whole
from mirage_lsd.worker.presets.presets import PresetError, load_library
from mirage_lsd.worker.presets.text_file import TextFileError, read_text

TOML = '[mine]\r\nname = "Grüße"\r\nscene = "forest"\r\n'
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


def save(path: Path, text: str, encoding: str) -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_presets_are_read_with_and_without_a_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    assert load_library(save(tmp_path / "presets.toml", TOML, encoding))["mine"].name == "Grüße"


OTHERS = [("utf-16", "is saved as UTF-16; save it as UTF-8"), ("utf-16-le", "is saved as UTF-16"),
          ("utf-16-be", "is saved as UTF-16"), ("utf-32", "is saved as UTF-32"),
          ("cp1252", "is not UTF-8 in line 2; save it as UTF-8")]


@pytest.mark.parametrize(("encoding", "told"), OTHERS)
def test_presets_in_another_encoding_are_told_by_its_name(encoding: str, told: str, tmp_path: Path) -> None:
    path = save(tmp_path / "presets.toml", TOML, encoding)
    with pytest.raises(PresetError, match=told) as refused:
        load_library(path)
    assert str(path) in str(refused.value)
    with pytest.raises(TextFileError, match=told):
        read_text(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_install_records_are_read_by_both_sides(encoding: str, tmp_path: Path) -> None:
    record = {"layout": 1, "worker_python": sys.executable, "zmq_paths": {}, "version": VERSION}
    path = save(tmp_path / "install.json", json.dumps(record), encoding)
    assert InstallRecord.read(str(path)).version == VERSION
    places = install_places.Places(tmp_path, tmp_path, path, editable=False)
    assert install_places.read_record(places) == record


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_checkpoint_s_descriptions_and_licences_are_read(encoding: str, tmp_path: Path) -> None:
    locate = pytest.importorskip("mirage_lsd.worker.v1.checkpoint.locate")
    licences = pytest.importorskip("mirage_lsd.worker.v1.checkpoint.licences")
    config = save(tmp_path / "config.json", '{"name": "Grüße"}', encoding)
    assert locate.read_json(config) == {"name": "Grüße"}
    save(tmp_path / "accepted-licences.json", '{"a/b": "MIT"}', encoding)
    assert licences.accepted(tmp_path) == {"a/b": "MIT"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_engine_s_cache_is_read(encoding: str, tmp_path: Path) -> None:
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing
    (tmp_path / "empty").touch()
    save(tmp_path / "manifest.json", json.dumps({"empty": digest}), encoding)
    assert is_whole(tmp_path)


def test_no_file_is_read_as_utf_8_without_regard_to_its_mark(checkout: Path) -> None:
    """JSON and TOML are parsed from bytes, from read_text of worker/presets/text_file.py, or as utf-8-sig."""
    careless = re.compile(r"(json|tomllib)\.loads?\([^\n]*\.read_text\((?!encoding=\"utf-8-sig\")")
    folders = [checkout / name for name in ("worker", "obs_script", "shared", "installers")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    assert [str(file) for file in files if careless.search(file.read_text(encoding="utf-8"))] == []
