# SPDX-License-Identifier: Apache-2.0
"""Presets: the shipped list, the user's files, and the pictures of both."""
