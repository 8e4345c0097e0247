# SPDX-License-Identifier: Apache-2.0
"""The control channel over real sockets: requests and events, several clients, clean ends."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mirage_lsd.shared.channel.channel import ControlClient, ControlServer, new_key_pair
from mirage_lsd.shared.channel.curve import KeyPair
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.errors import ChannelError, ChannelTimeout, RequestRefused, WireError
from mirage_lsd.shared.messages import worker_commands, worker_events


def subscribed(control_worker: Any, control_client: ControlClient) -> None:
    """Return once events reach the client."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        control_worker.server.publish(worker_events.Done())
        if control_client.events(0.05):
            while control_client.events(0.2):
                pass
            return
    pytest.fail("no event came")


def test_a_request_is_answered(control_client: ControlClient) -> None:
    for sent_ns in range(50):
        assert control_client.request(worker_commands.Ping(sent_ns), 30) == worker_events.Pong(sent_ns, 1)


def test_a_refusal_is_raised_with_the_workers_words(control_client: ControlClient) -> None:
    with pytest.raises(RequestRefused, match="no such preset") as caught:
        control_client.request(worker_commands.GetStatus(), 30)
    assert (caught.value.code, caught.value.field) == ("unknown_preset", "preset")


def test_silence_is_a_timeout_and_a_late_reply_is_dropped(control_worker: Any, control_client: ControlClient) -> None:
    control_client.request(worker_commands.Ping(1), 30)
    with pytest.raises(ChannelTimeout, match="CloseStream") as caught:
        control_client.request(worker_commands.CloseStream(1, 1), 0.3)
    assert caught.value.code == "timeout"
    control_worker.server.reply(control_worker.unanswered[0], worker_events.Done())
    assert control_client.request(worker_commands.Ping(2), 30) == worker_events.Pong(2, 1)
    assert control_client.ignored == 1


def test_a_worker_that_is_not_there_is_a_timeout(control_client: ControlClient, keys: SimpleNamespace) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    lonely = ControlClient(LaunchReport(port, port, 1), keys.server.public, keys.client)
    with pytest.raises(ChannelTimeout, match="not reached"):
        lonely.request(worker_commands.Ping(1), 0.2)
    lonely.close()


def test_events_reach_every_client_in_order(
    control_worker: Any, control_client: ControlClient, keys: SimpleNamespace
) -> None:
    second = ControlClient(control_worker.report, keys.server.public, keys.other)
    for one in (control_client, second):
        subscribed(control_worker, one)
    while control_client.events(0.2) or second.events(0.2):
        pass
    states = [worker_events.State(1, "running", "ok", i) for i in range(50)]
    for state in states:
        control_worker.server.publish(state)
    for one in (control_client, second):
        got: list[Any] = []
        while len(got) < 50:
            new = one.events(30)
            assert new, f"only {len(got)} events came"
            got += new
        assert got == states
    second.close()


def test_several_clients_get_their_own_replies(control_worker: Any, keys: SimpleNamespace) -> None:
    failures: list[str] = []

    def talk(own: KeyPair, offset: int) -> None:
        one = ControlClient(control_worker.report, keys.server.public, own)
        for i in range(offset, offset + 200):
            if one.request(worker_commands.Ping(i), 30).sent_ns != i:
                failures.append(f"{i} got another's reply")
        one.close()

    threads = [
        threading.Thread(target=talk, args=(k, o))
        for k, o in ((keys.client, 0), (keys.other, 1000), (keys.client, 2000))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_a_client_ignores_garbage_from_the_worker(control_worker: Any, control_client: ControlClient) -> None:
    subscribed(control_worker, control_client)
    before = control_client.ignored
    control_worker.server._queue(None, b"garbage")
    control_worker.server.publish(worker_events.Done())
    got: list[Any] = []
    while not got:
        got = control_client.events(30)
    assert (got, control_client.ignored) == ([worker_events.Done()], before + 1)


def test_an_idle_channel_sleeps(control_worker: Any, control_client: ControlClient) -> None:
    control_client.request(worker_commands.Ping(1), 30)
    loops, cpu_before_s = control_worker.loops, time.process_time()
    assert control_client.events(1.5) == []
    cpu_s = time.process_time() - cpu_before_s
    assert control_worker.loops - loops <= 2, "a control thread with nothing to do must not turn"
    assert cpu_s < 0.5


def test_replies_and_events_may_come_from_any_thread(control_worker: Any, control_client: ControlClient) -> None:
    subscribed(control_worker, control_client)
    threads = [
        threading.Thread(
            target=lambda s=s: [control_worker.server.publish(worker_events.StreamOpened(s, i)) for i in range(100)]
        )
        for s in range(4)
    ]
    for thread in threads:
        thread.start()
    got: list[Any] = []
    while len(got) < 400:
        new = control_client.events(30)
        assert new
        got += [event for event in new if isinstance(event, worker_events.StreamOpened)]
    for stream_id in range(4):
        assert [e.epoch for e in got if e.stream_id == stream_id] == list(range(100))
    for thread in threads:
        thread.join()


def test_a_wake_up_ends_a_wait_early_and_a_timeout_ends_it_too(launch_config: LaunchConfig) -> None:
    server = ControlServer(launch_config)
    assert server.receive(10) == []
    for _ in range(100_000):
        server.wake()
    assert server.receive(60_000) == []
    server.close()
    server.close()


def test_after_close_a_client_says_so(control_worker: Any, keys: SimpleNamespace) -> None:
    client = ControlClient(control_worker.report, keys.server.public, keys.client)
    client.close()
    client.close()
    for use in (lambda: client.request(worker_commands.Ping(1)), client.events):
        with pytest.raises(ChannelError) as caught:
            use()
        assert caught.value.code == "closed"


def test_what_cannot_be_encoded_is_the_senders_error(control_client: ControlClient) -> None:
    with pytest.raises(WireError):
        control_client.request("ping")


def test_servers_and_clients_leave_no_descriptor_and_no_thread(
    launch: Callable[[], Any], keys: SimpleNamespace
) -> None:
    def one() -> None:
        made = launch()
        talking = ControlClient(made.report, keys.server.public, keys.client)
        silent = ControlClient(made.report, keys.server.public, new_key_pair())
        talking.request(worker_commands.Ping(1), 30)
        talking.close()
        silent.close()
        made.stop()

    one()
    gc.collect()
    before = len(os.listdir("/proc/self/fd")), threading.active_count(), len(os.listdir("/proc/self/task"))
    for _ in range(10):
        one()
    gc.collect()
    after = len(os.listdir("/proc/self/fd")), threading.active_count(), len(os.listdir("/proc/self/task"))
    assert after == before


def test_nothing_holds_up_the_end_of_a_process() -> None:
    """Requests and replies on their way to nobody, and no close: the interpreter still ends."""
    program = (
        "from mirage_lsd.shared.channel.channel import *\n"
        "from mirage_lsd.shared.messages import worker_commands, worker_events\n"
        "a, b = new_key_pair(), new_key_pair()\n"
        "server = ControlServer(LaunchConfig('/n', 'b', a.public, a.secret, b.public))\n"
        "client = ControlClient(LaunchReport(server.control_port, server.events_port, 1), a.public, b)\n"
        "try:\n"
        "    client.request(worker_commands.Ping(1), 0.2)\n"
        "except ChannelTimeout:\n"
        "    server.publish(worker_events.Done())\n"
        "    server.reply(Request(b'gone', 1, None), worker_events.Done())\n"
        "    server.receive(0)\n"
        "    print('ending')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.returncode) == ("ending\n", 0), ran.stderr
