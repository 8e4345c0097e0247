# SPDX-License-Identifier: Apache-2.0
"""The OBS half: a Python script and its Lua filter, both inside OBS's process.

mirage_lsd_obs.py  the file the user adds; its hooks run on OBS's UI thread
plugin.py          its threads, and the order in which everything starts and stops
supervisor.py      the supervisor thread's rounds; it does all waiting for the worker
render/            the Lua half: capture, present, properties; the only part on OBS's graphics thread
filters/           each filter's rings, settings, look and status, and what the worker was told of them
looks/             every filter's look; look commands from scenes, hotkeys, and over ZeroMQ from other programs
senses/            voice and gestures as they are in OBS: settings and the processes that listen and look
processes/         the installation, the worker and other processes: start, handshake, heartbeat, restart
host/              what OBS gives us: libobs through ctypes, a source's sound; where Python and Lua meet

No Python ever runs on OBS's graphics thread, and no Lua function waits.
"""
