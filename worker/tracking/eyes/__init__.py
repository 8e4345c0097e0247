# SPDX-License-Identifier: Apache-2.0
"""Faces and hands in the full-size source, found by MediaPipe's nets and followed from frame to frame.

    picture -> detector (letterboxed, small) -> square -> landmarks (cut from the full picture) -> Sight -> carry

`eyes.py` decides which net runs in which frame; the gestures use `hands.py` alone.
"""
