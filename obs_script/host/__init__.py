# SPDX-License-Identifier: Apache-2.0
"""What OBS gives us: its libraries, its calls, its sound, memory shared with the render half."""
