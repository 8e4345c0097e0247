# SPDX-License-Identifier: Apache-2.0
"""What a frame of mirage-lsd-v1 runs, in order: graphs.py."""
