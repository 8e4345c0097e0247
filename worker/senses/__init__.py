# SPDX-License-Identifier: Apache-2.0
"""Processes of their own that listen and look: voice and gestures."""
