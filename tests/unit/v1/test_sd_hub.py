# SPDX-License-Identifier: Apache-2.0
"""Downloads of models: the real hub client against a hub on localhost that can cut, damage and refuse."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from hub_server import HubServer
from random_checkpoints import write_random_checkpoint

from mirage_lsd.worker.programs.cli import main
from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError, HubError
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.checkpoint.registry import known_model
from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM

REPO = "someone/tiny-lcm"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
REQUEST = ModelRequest(REPO)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("checkpoint"), SMALL_RANDOM)


@pytest.fixture
def server(checkpoint: Path):
    turbo = known_model("sd-turbo").repo
    found = HubServer({REPO: checkpoint, turbo: checkpoint})
    yield found
    found.close()


def hub_of(server: HubServer, folder: Path, **options) -> Hub:
    return Hub(folder=folder, endpoint=server.url, **options)


def test_a_hub_id_is_fetched_once_and_then_needs_no_network(server: HubServer, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    model = load_v1(REQUEST, hub_of(server, tmp_path, progress=lambda *item: told.append(item)))
    size = (server.repos[REPO] / WEIGHTS).stat().st_size
    assert (WEIGHTS, size, size) in told
    asked = len(server.requests)
    again = load_v1(REQUEST, hub_of(server, tmp_path, offline=True))
    assert len(server.requests) == asked, "the second load asked the network"
    assert again.info.fingerprint == model.info.fingerprint


class Stopped(Exception):
    """Stands for the user ending the program in the middle of a download."""


@pytest.mark.parametrize("cause", ["the connection drops", "the program ends"])
def test_a_cut_download_goes_on_where_it_stopped(server: HubServer, tmp_path: Path, cause: str) -> None:
    """Larger than the client's chunks, of which the last is lost."""
    big = tmp_path / "big"
    big.mkdir()
    (big / "big.safetensors").write_bytes(np.random.default_rng(0).bytes(30_000_000))
    server.repos["someone/big"] = big

    def stop(name: str, done: int, whole: int) -> None:
        if done > whole / 2:
            raise Stopped

    if cause == "the connection drops":
        server.cut_after = 25_000_000
    else:
        with pytest.raises(Stopped):
            hub_of(server, tmp_path / "models", progress=stop).fetch("someone/big", "big.safetensors")
    folder = hub_of(server, tmp_path / "models").fetch("someone/big", "big.safetensors")
    assert (folder / "big.safetensors").read_bytes() == (big / "big.safetensors").read_bytes()
    ranges = [header for _, name, header in server.requests if name.endswith("big.safetensors")]
    assert ranges[-1] and ranges[-1] != "bytes=0-", f"it started over: {ranges}"


def test_a_damaged_download_is_refused_and_fetched_anew(server: HubServer, tmp_path: Path) -> None:
    server.damage = {WEIGHTS}
    with pytest.raises(HubError, match="damaged") as refused:
        hub_of(server, tmp_path).fetch(REPO, WEIGHTS)
    assert refused.value.code == "hub_checksum"
    server.damage = set()
    folder = hub_of(server, tmp_path).fetch(REPO, WEIGHTS)
    assert (folder / WEIGHTS).read_bytes() == (server.repos[REPO] / WEIGHTS).read_bytes()


def test_a_damaged_small_file_is_refused_too(server: HubServer, tmp_path: Path) -> None:
    server.damage = {"unet/config.json"}
    with pytest.raises(HubError) as refused:
        hub_of(server, tmp_path).fetch(REPO, "unet/config.json")
    assert refused.value.code == "hub_checksum"


def test_no_network_is_told_plainly(server: HubServer, tmp_path: Path) -> None:
    server.close()
    with pytest.raises(HubError, match="network") as refused:
        load_v1(REQUEST, hub_of(server, tmp_path))
    assert refused.value.code == "hub_offline"


@pytest.mark.parametrize(("refusal", "code", "says"), [
    ((404, "RepoNotFound"), "hub_not_found", "spelling"),
    ((403, "GatedRepo"), "hub_refused", "HF_TOKEN"),
    ((500, ""), "hub_failed", "HTTP 500"),
])
def test_a_hub_that_refuses_is_told_plainly(server: HubServer, tmp_path: Path, refusal, code: str, says: str) -> None:
    server.refuse = refusal
    with pytest.raises(HubError, match=says) as refused:
        hub_of(server, tmp_path).listing(REPO)
    assert refused.value.code == code


def test_a_repository_of_another_kind_is_refused_before_its_weights_come(server: HubServer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "big.safetensors").write_bytes(bytes(1000))
    server.repos["someone/other"] = other
    with pytest.raises(CheckpointError, match="no diffusers-format"):
        load_v1(ModelRequest("someone/other"), hub_of(server, tmp_path / "models"))
    assert not any("big" in path for _, path, _ in server.requests)


def test_a_licence_is_asked_for_before_anything_is_fetched(server: HubServer, tmp_path: Path) -> None:
    shown: list[str] = []
    hub = hub_of(server, tmp_path)

    def answer(yes: bool):
        return lambda text: shown.append(text) or yes

    for ask in (None, answer(False)):
        with pytest.raises(CheckpointError) as refused:
            load_v1(ModelRequest("sd-turbo"), hub, ask)
        assert refused.value.code == "licence_not_accepted"
    assert not server.requests
    assert "Stability AI" in shown[0] and "https://" in shown[0]
    assert load_v1(ModelRequest("sd-turbo"), hub, answer(True)) is not None
    assert load_v1(ModelRequest("sd-turbo"), hub) is not None, "an accepted licence is remembered"
    assert len(shown) == 2


def test_a_damaged_licence_file_asks_again(server: HubServer, tmp_path: Path) -> None:
    (tmp_path / "accepted-licences.json").write_text("{")
    with pytest.raises(CheckpointError, match="not been accepted"):
        load_v1(ModelRequest("sd-turbo"), hub_of(server, tmp_path))


def test_half_precision_files_are_taken_for_half_precision(checkpoint: Path, server: HubServer, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    both = tmp_path / "both"
    shutil.copytree(checkpoint, both)
    halves = {name: value.half() for name, value in load_file(both / WEIGHTS).items()}
    save_file(halves, both / WEIGHTS.replace(".safetensors", ".fp16.safetensors"))
    server.repos["someone/both"] = both
    model = load_v1(ModelRequest("someone/both", dtype="float16"), hub_of(server, tmp_path / "models"))
    fetched = [path for method, path, _ in server.requests if method == "GET" and "unet" in path]
    assert any("fp16" in path for path in fetched) and not any(path.endswith(WEIGHTS) for path in fetched)
    assert str(model.unet.conv_in.weight.dtype) == "torch.float16"


def test_the_models_command_lists_checks_and_refuses(checkpoint: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("MIRAGE_LSD_MODELS", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["models", "list"]) == 0
    listed = capsys.readouterr().out
    assert "lcm-dreamshaper-v7" in listed and "Stability AI Community License" in listed and "asks before" in listed
    assert main(["models", "check", str(checkpoint)]) == 0
    assert "whole" in capsys.readouterr().out
    assert main(["models", "get", "sd-turbo"]) == 2
    shown = capsys.readouterr()
    assert "revenue" in shown.out and "not been accepted" in shown.err
    assert main(["models", "check", REPO]) == 2
    assert "offline" in capsys.readouterr().err


def test_the_listing_is_json_that_says_the_revision(server: HubServer, tmp_path: Path) -> None:
    hub_of(server, tmp_path).listing(REPO)
    kept = json.loads(next(tmp_path.glob("*/listing.json")).read_text())
    assert len(kept["revision"]) == 40 and WEIGHTS in kept["files"]
