# SPDX-License-Identifier: Apache-2.0
"""Voice: a process of its own that listens and writes commands.

    audio_ring or microphone -> endpointer -> engine (bound to the grammar) -> intents -> events, one a line

`listener.py` is the way of a phrase through these on one page; `shared/messages/voice_lines.py` says how to start the
process and talk to it.
"""
