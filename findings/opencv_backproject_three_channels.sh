#!/usr/bin/env bash
# OpenCV in Python: cv2.calcBackProject, given the three-channel histogram that cv2.calcHist has just returned, does not
# look up its bins. The three-dimensional NumPy array is taken for a two-dimensional one with many channels, silently.
# Two channels are right. What to do: look the bins up with NumPy (bin numbers from the channels' upper bits, then take).
# Seen with opencv-python-headless 4.10.0.84 and 5.0.0.93 alike; output of the run below (share of right pixels):
#   three channels, 16x16x16 bins: 0.28
#   two channels, 16x16 bins: 1.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 opencv-python-headless==4.10.0.84
"$folder/venv/bin/python" - <<'PY'
import cv2
import numpy as np

picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)


def right(channels):
    """Share of pixels whose back projection is their own bin's count."""
    bins, ranges = [16] * channels, [0, 256] * channels
    counts = cv2.calcHist([picture], list(range(channels)), None, bins, ranges)
    seen = cv2.calcBackProject([picture], list(range(channels)), counts, ranges, 1.0)
    wanted = counts[tuple(picture[..., channel] // 16 for channel in range(channels))]
    return float((seen == np.clip(wanted, 0, 255)).mean())


three, two = right(3), right(2)
print(f"three channels, 16x16x16 bins: {three:.2f}\ntwo channels, 16x16 bins: {two:.2f}")
assert two == 1.0 and three < 0.5, "calcBackProject behaves otherwise now"
PY
