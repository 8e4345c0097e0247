# SPDX-License-Identifier: Apache-2.0
"""The stages of mirage-lsd-v1: tensors stay on the device from upload to download. `wiring.py` tells who reads what."""
