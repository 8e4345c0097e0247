# SPDX-License-Identifier: Apache-2.0
"""The OBS half: a Python script and its Lua filter."""
