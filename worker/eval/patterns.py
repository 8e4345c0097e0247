# SPDX-License-Identifier: Apache-2.0
"""Which pattern a garment shows: a check without any classifier, from the directions of its edges.

The colours inside the garment are laid on the one axis along which they vary most, and shading is taken away by a
wide blur. If little is left the cloth is plain. Otherwise, window by window (cloth bends), the directions of the
edges tell: parallel edges are stripes, two crossed sets are a check, edges in every direction around blobs that
repeat are dots; anything else is "other".

Pure functions. Invariant: the verdict depends on nothing outside the mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
