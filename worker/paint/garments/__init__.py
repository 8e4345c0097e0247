# SPDX-License-Identifier: Apache-2.0
"""Garments drawn in body coordinates: collars, seams, buttons, pockets, zips and folds, put on the body's surface."""
