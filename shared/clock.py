# SPDX-License-Identifier: Apache-2.0
"""The clock every timestamp in the ring and in the messages is taken from.

Called in any thread of both processes. Invariant: `now_ns()` counts on one clock that all processes of the
machine share and that OBS's os_gettime_ns() also reads: CLOCK_MONOTONIC on Linux, mach_absolute_time on
macOS, the performance counter on Windows. So ages may be computed across processes.
"""

from __future__ import annotations

import time

now_ns = time.perf_counter_ns
