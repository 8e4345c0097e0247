# SPDX-License-Identifier: Apache-2.0
"""`python luajit.py SCRIPT ARGUMENT...`: LuaJIT for Windows (in lupa's wheel), as luajit.exe would run a script."""

import sys

from lupa.luajit21 import LuaRuntime

runtime = LuaRuntime()
runtime.globals().arg = runtime.table(*sys.argv[2:])
runtime.globals().dofile(sys.argv[1])
