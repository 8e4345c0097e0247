# SPDX-License-Identifier: Apache-2.0
"""Painters of the scene pictures that ship with the filter (models/data/scenes), 1280 x 720; see files.py."""
