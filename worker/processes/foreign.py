# SPDX-License-Identifier: Apache-2.0
"""What other projects' code may raise at us: compilers, drivers, readers of model files.

Used where such code runs on a thread of ours that must outlive it. Invariant: what is caught is told to the user as the
reason why something is not used; it is never dropped.
"""

from __future__ import annotations

import subprocess

FOREIGN_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, MemoryError, NameError, OSError,
    RuntimeError, subprocess.SubprocessError, SyntaxError, TypeError, ValueError,
)  # fmt: skip


def reason_of(error: BaseException) -> str:
    """An error's first line, or its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
