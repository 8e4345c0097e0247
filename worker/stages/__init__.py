# SPDX-License-Identifier: Apache-2.0
"""The stages a frame passes through, one file each; `worker/pipelines.py` holds their order."""
