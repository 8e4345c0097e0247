# SPDX-License-Identifier: Apache-2.0
"""The nets of mirage-lsd-v1, and what is laid onto their weights."""
