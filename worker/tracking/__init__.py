# SPDX-License-Identifier: Apache-2.0
"""Where people are and how the picture moves, followed from frame to frame."""
