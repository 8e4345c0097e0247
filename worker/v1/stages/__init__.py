# SPDX-License-Identifier: Apache-2.0
"""The stages of mirage-lsd-v1: tensors stay on the device from upload to download. `wiring.py` tells who reads what."""

from mirage_lsd.worker.v1.stages.condition import Condition
from mirage_lsd.worker.v1.stages.decode import Decode
from mirage_lsd.worker.v1.stages.denoise import Denoise
from mirage_lsd.worker.v1.stages.encode import Encode
from mirage_lsd.worker.v1.stages.fade import Fade
from mirage_lsd.worker.v1.stages.flow import Flow
from mirage_lsd.worker.v1.stages.preprocess import Preprocess
from mirage_lsd.worker.v1.stages.upscale import Upscale
from mirage_lsd.worker.v1.stages.warp import Warp

__all__ = ["Condition", "Decode", "Denoise", "Encode", "Fade", "Flow", "Preprocess", "Upscale", "Warp"]
