# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1's frames from ring to ring on the CPU: what comes out, what is remembered, in which order it runs."""

from __future__ import annotations

import numpy as np
import psutil
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from lane_trace import is_after, launches, unordered
from v1_streams import SETTINGS, OneModel, RingStream, new_host, pictures

from mirage_lsd.worker.v1.frame.context import ANCHOR_EVERY_FRAMES, V1Context
from mirage_lsd.worker.v1.frame.program import ProgramOptions


@pytest.fixture(scope="module")
def host():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = new_host()
    yield made
    made.close()
    torch.set_num_threads(threads)


@pytest.fixture
def stream(host, tmp_path):
    with RingStream(OneModel(host), tmp_path) as made:
        yield made


def test_frames_are_restyled_and_differ_by_prompt(stream):
    first = stream.play(pictures(2))
    stream.change(prompt="a green hat")
    second = stream.play(pictures(2))
    assert all(np.abs(shown.astype(int) - source).mean() > 5 for shown, source in zip(first, pictures(2), strict=True))
    assert not np.array_equal(first[0], second[0])
    assert stream.stream.timings.processed == 4


@pytest.mark.parametrize("change", [{"strength": 0.0}, {"prompt": ""}])
def test_nothing_asked_gives_every_pixel_back(stream, change):
    stream.change(**change)
    for shown, source in zip(stream.play(pictures(2)), pictures(2), strict=True):
        assert np.array_equal(shown, source)


def test_the_same_frames_give_the_same_pictures(host, tmp_path):
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with RingStream(OneModel(host), tmp_path / name) as stream:
            runs.append(stream.play(pictures(3)))
    assert all(np.array_equal(one, other) for one, other in zip(*runs, strict=True))


def test_the_header_keeps_the_source_frames_times(stream):
    stream.play(pictures(1))
    shown, sent = stream.rings[1].newest().header, stream.rings[0].newest().header
    assert (shown.frame_id, shown.timestamp_ns, shown.mapped_ns) == (sent.frame_id, sent.timestamp_ns, sent.mapped_ns)
    assert shown.generation == stream.stream.state.generation and shown.finished_ns >= shown.received_ns > 0


def context_of(stream) -> V1Context:
    return stream.stream.pipeline.model


def test_the_past_is_used_until_a_cut_and_the_old_looks_caches_end_with_it(stream):
    def history() -> list[float]:
        return context_of(stream).program["history"].tolist()[0]

    stream.play(pictures(1))
    assert history() == [0.0, 0.0] and context_of(stream).memory.frames == 1
    stream.play(pictures(1))
    assert history() == [1.0, 1.0]
    stream.change(prompt="a green hat")
    stream.play(pictures(1))
    assert history() == [0.0, 0.0] and context_of(stream).program["mix"][0, 2] > 0  # the latent stays
    stream.play(pictures(1))
    assert history() == [1.0, 1.0]
    stream.play([255 - pictures(1)[0]])  # another scene
    assert history() == [0.0, 0.0] and context_of(stream).memory.frames == 1
    assert context_of(stream).program["mix"][0, 2] == 0


def test_the_anchor_is_renewed(stream):
    stream.play(pictures(2))
    context = context_of(stream)
    anchor = context.program["a16"].clone()
    context.memory.frames = ANCHOR_EVERY_FRAMES - 1
    stream.play(pictures(3)[2:])
    assert torch.equal(context.program["a16"], anchor)
    stream.play(pictures(4)[3:])
    assert not torch.equal(context.program["a16"], anchor)


def test_buffers_never_move(stream):
    stream.play(pictures(2))
    program = context_of(stream).program
    before = {name: tensor.data_ptr() for name, tensor in program.buffers.items()}
    stream.play(pictures(4))
    assert context_of(stream).program is program
    assert {name: tensor.data_ptr() for name, tensor in program.buffers.items()} == before


def traced(host, separate: bool = True) -> list:
    trace: list = []
    pipeline = host.new_pipeline(options=ProgramOptions(separate, trace=trace))
    for picture in pictures(4):
        pipeline.restyle(picture, SETTINGS)
    pipeline.flush()
    return trace


def test_every_shared_buffer_is_guarded_by_events(host):
    trace = traced(host)
    assert {step.lane for step in trace} == {"copy_in", "flow", "diffusion", "upscale"}
    assert unordered(trace) == []


def test_the_next_frames_flow_does_not_wait_for_this_frames_upscale_or_diffusion(host):
    trace = traced(host)
    ingests, flows, upscales, decodes = (launches(trace, *of) for of in (
        ("preprocess", "flow"), ("flow", "flow"), ("upscale", "upscale"), ("decode", "diffusion")))  # fmt: skip
    for frame in (1, 2, 3):
        ingest, flow = ingests[frame], flows[frame - 1]  # no flow on the first frame
        for launch in (ingest, flow):
            assert not is_after(trace, launch, upscales[frame - 1])
            assert not is_after(trace, launch, decodes[frame - 1])
        assert is_after(trace, upscales[frame], decodes[frame])


def test_a_frame_waits_for_the_one_two_before_it(host):
    """Buffers are in pairs: what frame 3 writes is what frame 1 used."""
    trace = traced(host)
    uploads, upscales = launches(trace, "upload", "copy_in"), launches(trace, "upscale", "upscale")
    frame_uploads = [index for index in uploads if trace[index].writes[0].startswith("frame")]
    assert is_after(trace, frame_uploads[2], upscales[0])
    assert not is_after(trace, frame_uploads[2], upscales[1])


def test_a_new_look_comes_up_over_the_old_one(stream):
    stream.change(fade_ms=10_000)
    old = stream.play(pictures(2))[-1].astype(int)
    stream.change(prompt="a green hat")
    fading = stream.play(pictures(3)[2:])[0].astype(int)
    stream.change(fade_ms=0)
    new = stream.play(pictures(4)[3:])[0].astype(int)
    assert 0 < np.abs(fading - old).mean() < np.abs(fading - new).mean()


def test_a_hard_cut_ends_a_fade(stream):
    stream.change(fade_ms=10_000)
    stream.play(pictures(2))
    stream.change(prompt="a green hat")
    stream.play(pictures(3)[2:])
    cut = [np.where(np.arange(4) == 3, picture, 255 - picture[:, ::-1]) for picture in pictures(2)]
    fading = stream.play(cut)
    stream.change(fade_ms=0)
    assert np.abs(fading[-1].astype(int) - stream.play(cut[1:])[0]).mean() < 1.0


def test_rings_are_registered_once_and_let_go_before_they_close(host, tmp_path, monkeypatch):
    pinned, log = {}, []

    def register(array, writable):
        pinned[array.ctypes.data] = array.nbytes
        log.append(("register", writable))
        return True

    def unregister(array):
        assert pinned.pop(array.ctypes.data) == array.nbytes and array[0] >= 0  # still mapped
        log.append(("unregister", None))

    monkeypatch.setattr(host.processor, "register_host", register)
    monkeypatch.setattr(host.processor, "unregister_host", unregister)
    with RingStream(OneModel(host), tmp_path) as stream:
        stream.play(pictures(2))
        assert log == [("register", False), ("register", True)]  # the input ring is mapped for reading only
    assert pinned == {} and len(log) == 4


def test_memory_stays_flat(stream):
    """A leak grows in every round; what a process full of other tests gives or takes once does not."""
    process = psutil.Process()
    stream.change(steps=1)
    stream.play(pictures(24))
    grown = []
    for look in ("snow", "a red coat", "a city at night"):
        before = process.memory_info().rss
        stream.change(prompt=look)
        stream.play(pictures(24))
        grown.append(process.memory_info().rss - before)
    assert min(grown) < 3_000_000, grown
    assert stream.stream.pipeline.model.program.lanes.spans == []
