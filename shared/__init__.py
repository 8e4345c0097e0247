# SPDX-License-Identifier: Apache-2.0
"""What both halves share: the frame ring, the doorbell, the control messages and where to find them.

Imported by the worker process and, inside OBS, by the plugin. Standard library only (channel.py alone
imports zmq) and Python 3.9 or later, because OBS brings its own Python.
"""
