# SPDX-License-Identifier: Apache-2.0
"""Doorbells: how one process wakes another, by whatever the system has for it."""
