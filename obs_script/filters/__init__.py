# SPDX-License-Identifier: Apache-2.0
"""The filters of a scene collection: each one's stream, rings, settings, status."""
