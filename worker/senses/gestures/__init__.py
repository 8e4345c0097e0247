# SPDX-License-Identifier: Apache-2.0
"""Gestures: a process of its own that looks at the source a few times a second and says what sign a hand makes.

    a filter's input ring -> hands (tracking/eyes) -> signs (which sign is this) -> watcher (is it meant) -> a line

`process.py` is the way of a picture through these; `shared/messages/gesture_lines.py` says how to start the process.
"""
