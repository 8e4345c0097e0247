# SPDX-License-Identifier: Apache-2.0
"""What mirage-lsd-v1 may run on, and what stands in for it: plans, devices, loaders."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from v1_streams import SETTINGS

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import TINY, V1, StreamSettings
from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.hosts import devices, vram
from mirage_lsd.worker.hosts.models_host import ModelsHost
from mirage_lsd.worker.hosts.v1_host import V1Host, V1Options
from mirage_lsd.worker.hosts.v1_loader import V1Loader

GPU = devices.Gpu("cuda:0", "NVIDIA Test", 12 * 10**9, "550.54", (12, 4))


def test_plans_follow_the_card():
    def plan(gb: float) -> int:
        return vram.plan_for(devices.Gpu("cuda:0", "Test", int(gb * 10**9), "1")).gb

    assert [plan(gb) for gb in (7.5, 8.6, 12.9, 17.2, 25.8, 85)] == [8, 8, 12, 16, 24, 24]
    with pytest.raises(devices.DeviceError, match=r"Test has 6.4 GB of memory, mirage-lsd-v1 needs 8") as caught:
        plan(6.4)
    assert caught.value.code == "too_little_vram"
    assert vram.PLANS[3].allows("large") == "medium" and vram.PLANS[0].allows("large") == "large"
    steps, count = vram.PLANS[0], 0
    while (steps := vram.smaller(steps)) is not None:
        count += 1
    assert count == len(vram.PLANS) - 1


@pytest.mark.parametrize(
    ("options", "gpus", "words"),
    [
        ({"device": "cuda:3"}, (), "cuda:3 is not available"),
        ({"device": "cuda:0"}, (GPU,), "without graphics card support" if not torch.version.cuda else "cannot run"),
        ({"checkpoint": "random:nothing"}, (), "no architecture is called"),
        ({"checkpoint": "/nowhere/at/all"}, (), "/nowhere/at/all"),
    ],
)
def test_what_cannot_run_is_told(options, gpus, words):
    made = V1Host(V1Options(**{"checkpoint": "random:tiny-random", "device": "cpu", **options}), gpus)
    made.load_or_tell()
    assert made.state == "failed" and words in made.text


def test_an_engine_nobody_knows_is_refused():
    with pytest.raises(EngineError, match="use auto, eager"):
        V1Host(V1Options(engine="magic"))


class Loader:
    """A loader in a given state."""

    def __init__(self, *given, state="loading", host=None):
        self.given, self.state, self.host, self.text = given, state, host, f"{V1} text"
        self.ready, self.dropped = state == "ready", False

    def drop(self):
        self.dropped = True


class Tiny:
    model, device, engine, ready, state, text = TINY, "cpu", "onnx", True, "ready", "ready"


def models(**loader) -> ModelsHost:
    return ModelsHost(Tiny(), (GPU,), lambda *given: Loader(*given, **loader))


def test_what_stands_in_while_v1_loads():
    settings = StreamSettings(model=V1, prompt="forest")
    choice = models().choose(settings)
    assert choice.host.model == TINY and choice.text == f"{V1} text; {TINY} runs meanwhile"
    choice = models().choose(StreamSettings(model=V1, prompt="a castle in the style of Monet"))
    assert choice.host is None and choice.text.endswith("the source is shown meanwhile")
    assert models(state="failed").choose(settings).text.endswith(f"{TINY} runs instead")
    assert models(state="ready", host="v1").choose(settings).host == "v1"
    assert models().choose(StreamSettings(prompt="forest")).host.model == TINY


def test_a_device_that_is_not_there_leaves_tiny(tmp_path):
    choice = models().choose(StreamSettings(model=V1, device="cuda:5", prompt="forest"))
    assert choice.host.model == TINY and "cuda:5 is not available: this computer has cuda:0 NVIDIA Test" in choice.text
    assert "runs on cpu only" in models().choose(StreamSettings(device="cuda:0")).text


def test_one_checkpoint_at_a_time(monkeypatch):
    host, now_s = models(state="ready", host="v1"), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    first, second = (StreamSettings(model=V1, checkpoint=name, prompt="forest") for name in ("a", "b"))
    assert host.choose(first).host == "v1"
    assert "one at a time" in host.choose(second).text and host.choose(first).host == "v1"
    kept, now_s[0] = host.loader, 110.0  # nobody has asked for the first one for a while
    assert host.choose(second).host == "v1" and kept.dropped and host.loader.given[:2] == ("b", "cuda:0")


def test_devices_are_named_for_people():
    assert models().devices() == ("auto", "cuda:0", "cpu")
    assert models().device_names() == ("auto", "cuda:0 NVIDIA Test (12 GB)", "cpu")


def test_v1_takes_any_words_and_tiny_its_own():
    models().check(StreamSettings(model=V1, prompt="xyzzy"))
    with pytest.raises(MirageError, match="xyzzy"):
        models().check(StreamSettings(prompt="xyzzy"))


def test_the_loader_tells_a_missing_pytorch(monkeypatch):
    monkeypatch.setattr(devices, "installed_torch", lambda: ("", ""))
    loader = V1Loader("", "cpu", (), None)
    loader.wait()
    assert loader.state == "failed" and "pip install 'mirage-lsd[gpu]'" in loader.text


def test_the_loader_loads_in_the_background():
    loader = V1Loader("random:tiny-random", "cpu", (), None)
    assert loader.state in ("loading", "ready")
    loader.wait()
    assert loader.ready and loader.host.ready
    loader.drop()
    assert SETTINGS.model == V1
