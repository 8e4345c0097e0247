# SPDX-License-Identifier: Apache-2.0
"""The stages a frame passes through, one file each; `worker/stage_order.py` holds their order."""
