# SPDX-License-Identifier: Apache-2.0
"""The ring of frames in shared memory: its layout, who may write when, and the mapping beneath it."""
