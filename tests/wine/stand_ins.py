# SPDX-License-Identifier: Apache-2.0
"""`python stand_ins.py FOLDER`: OBS's three libraries for Windows, empty but for the clock, compiled with mingw-w64.

Run on Linux by run.sh. They export every function that the plugin calls, so that finding and binding can be run.
"""

import subprocess
import sys
from pathlib import Path

from mirage_lsd.obs_script.host.libobs import _TABLE
from mirage_lsd.obs_script.host.loaded_libraries import STEMS

COMPILER = "x86_64-w64-mingw32-gcc"
CLOCK = """
#include <windows.h>
__declspec(dllexport) unsigned long long os_gettime_ns(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (unsigned long long)((double)ticks.QuadPart * 1000000000.0 / (double)per_second.QuadPart);
}
"""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, stem in STEMS.items():
        names = [name for name, (library, _, _) in _TABLE.items() if library == kind]
        source = "".join(f"__declspec(dllexport) void *{name}(void) {{ return 0; }}\n" for name in names)
        code = folder / f"{stem}.c"
        code.write_text(source + (CLOCK if kind == "obs" else ""), encoding="ascii")
        subprocess.run([COMPILER, "-shared", "-O1", "-o", folder / f"{stem}.dll", code], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
