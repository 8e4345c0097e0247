# SPDX-License-Identifier: Apache-2.0
"""What the OBS half and the worker share: standard library only, Python 3.9 and newer."""
