# SPDX-License-Identifier: Apache-2.0
"""What people type: `mirage-lsd` and its commands, and StreamEngine for programs."""
