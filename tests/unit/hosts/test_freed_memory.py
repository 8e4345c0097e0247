# SPDX-License-Identifier: Apache-2.0
"""Engines that come and go leave no memory behind."""

import threading

import psutil
import pytest

pytest.importorskip("ncnn")

from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.models.graphs import GraphShapes

SIZES = [GraphShapes(px) for px in ((320, 192), (224, 128), (160, 96))]


def test_a_stream_that_changes_its_size_does_not_grow():
    host, process, in_use = EngineHost(), psutil.Process(), None
    resident = []
    for _ in range(3):
        for shapes in SIZES:
            loading = threading.Thread(target=host.load, args=(shapes,))  # a thread of its own, as live
            loading.start()
            loading.join()
            in_use = host.engine_for(shapes)
        resident.append(process.memory_info().rss)
    assert in_use is not None
    one_engine = 80e6
    assert resident[-1] - resident[0] < 0.5 * one_engine, [size // 10**6 for size in resident]
