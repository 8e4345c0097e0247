# SPDX-License-Identifier: Apache-2.0
"""The nets of mirage-lsd-tiny in PyTorch, in the order of the data: tiny.py puts them together."""
