# SPDX-License-Identifier: Apache-2.0
"""Engines that come and go leave no memory behind."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("ncnn")

# In a process of its own: what earlier tests left in this one's allocator is not what is asked.
SCRIPT = """
import json, threading
import psutil
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.models.graphs import GraphShapes

host, process, in_use, resident = EngineHost(), psutil.Process(), None, []
for _ in range(5):
    for px in ((320, 192), (224, 128), (160, 96)):
        loading = threading.Thread(target=host.load, args=(GraphShapes(px),))  # a thread of its own, as live
        loading.start()
        loading.join()
        in_use = host.engine_for(GraphShapes(px))
    resident.append(process.memory_info().rss)
assert in_use is not None
print(json.dumps(resident))
"""
ONE_ENGINE_BYTES = 80e6


def test_a_stream_that_changes_its_size_does_not_grow():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    resident = json.loads(ran.stdout.splitlines()[-1])
    assert resident[-1] - resident[0] < 0.5 * ONE_ENGINE_BYTES, [size // 10**6 for size in resident]
