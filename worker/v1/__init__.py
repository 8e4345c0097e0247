# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1: the LSD pipeline with a Stable-Diffusion-class backbone. `graphs.py` tells a frame's life."""
