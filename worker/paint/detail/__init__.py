# SPDX-License-Identifier: Apache-2.0
"""What the source knows better than the nets, at its own size: what stays, where cloth ends, light and folds."""
