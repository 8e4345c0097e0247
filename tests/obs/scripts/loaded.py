# SPDX-License-Identifier: Apache-2.0
"""The libraries of the OBS that runs a test's script, whatever their versions: `loaded.library("obs-scripting")`.

Imported by the scripts beside it, inside OBS, which puts this folder on sys.path. On purpose not the product's own
finder: that one is under test.
"""

import ctypes
import re


def library(stem):
    """The shared library lib<stem>.so.<number> that this process has loaded, as ctypes.CDLL."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        path = re.search(rf"(/\S+/lib{stem}\.so[.\d]*)$", maps.read(), re.MULTILINE)
    return ctypes.CDLL(path.group(1))
