# SPDX-License-Identifier: Apache-2.0
"""Engines whose tensors stay on a device. Needs torch."""
