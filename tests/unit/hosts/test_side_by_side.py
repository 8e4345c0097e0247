# SPDX-License-Identifier: Apache-2.0
"""Work on two threads: all of it is done once, wherever."""

import threading

from mirage_lsd.worker.processes.side_by_side import BAND_ROWS, beside, done, in_bands


def test_bands_cover_every_row_once():
    rows = 2 * BAND_ROWS + 3
    seen = []
    in_bands(rows, lambda part: seen.extend(range(rows)[part]))
    assert sorted(seen) == list(range(rows))


def test_what_the_other_thread_has_not_come_to_is_done_here():
    go, threads = threading.Event(), []

    def task() -> int:
        threads.append(threading.current_thread())
        return 7

    busy = beside(go.wait)
    assert done(task, beside(task)) == 7 and threads == [threading.current_thread()]
    go.set()
    busy.result()
    begun = beside(task)
    begun.exception()
    assert done(task, begun) == 7 and len(threads) == 2 and threads[1] != threading.current_thread()
