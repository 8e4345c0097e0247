# SPDX-License-Identifier: Apache-2.0
"""The OBS half: a Python script and its Lua filter, both inside OBS's process.

mirage_lsd_obs.py  the file the user adds; its hooks run on OBS's UI thread
plugin.py          owns all below; one supervisor thread does all waiting
filter_host.py     loads filter.lua, follows the filters that exist     streams.py  one filter: rings and settings
worker_process.py  spawn, handshake, heartbeat, restart                 child_process.py  its process-level helpers
sync.py  keep picture and sound together     status.py  the status lines     install_record.py  what is installed
control_block.py   where Python and Lua meet (its docstring is the layout)   libobs.py  libobs through ctypes
filter.lua         the render half: filter_frame (one OBS frame), filter_age (when the source takes over),
                   filter_draw (graphics), filter_ring (frame rings), filter_block (control block),
                   filter_properties (settings), filter_ffi (C and systems), filter_layout (offsets)

No Python ever runs on OBS's graphics thread, and no Lua function waits.
"""
