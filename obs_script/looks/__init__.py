# SPDX-License-Identifier: Apache-2.0
"""Looks: every filter's, their history, and who changes them."""
