# SPDX-License-Identifier: Apache-2.0
"""One stream of mirage-lsd-v1: its program of graphs, its buffers and lanes, and how frames travel."""
