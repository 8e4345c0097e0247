# SPDX-License-Identifier: Apache-2.0
"""The LSD networks and their weights."""
