# SPDX-License-Identifier: Apache-2.0
"""The OBS half: a Python script and its Lua filter, both inside OBS's process.

mirage_lsd_obs.py  the file the user adds; its hooks run on OBS's UI thread
plugin.py          owns all below; the supervisor thread does all waiting for the worker
filter_host.py     loads filter.lua, follows the filters that exist
streams.py         one filter: rings, settings and look     ring_pair.py  its two rings of one epoch
look_settings.py   its look in OBS's settings               buttons.py    the buttons of its window
look_store.py            every filter's look; look commands from any thread     look_server.py  the same over ZeroMQ
hotkeys.py  scenes.py  where commands come from             script_call.py  into a callback of the script
preset_reader.py   the presets, read again when changed     choices.py    what the window's lists offer
worker_process.py  spawn, handshake, heartbeat, restart     child_process.py  its process-level helpers
host_process.py    the same from inside Flatpak's sandbox   install_record.py  what is installed
no_worker.py       in its place where there can be none
sync.py  keep picture and sound together                    status.py     the status lines
control_block.py   where Python and Lua meet (its docstring is the layout)   libobs.py  libobs through ctypes
filter.lua         the render half: filter_frame (one OBS frame), filter_age (when the source takes over),
                   filter_draw (graphics), filter_ring (frame rings), filter_block (control block),
                   filter_properties (settings), filter_ffi (C and systems), filter_layout (offsets),
                   filter_refusal (in the filter's place where it must not run)

No Python ever runs on OBS's graphics thread, and no Lua function waits.
"""
