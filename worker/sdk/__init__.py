# SPDX-License-Identifier: Apache-2.0
"""Mirage LSD: restyle a live video of a person."""
