# SPDX-License-Identifier: Apache-2.0
"""Figures of films, each from one clip."""
