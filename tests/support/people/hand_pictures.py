# SPDX-License-Identifier: Apache-2.0
"""Pictures of hands for tests: those that the Noto emoji font draws, in several skin colours and sizes.

Called by the tests of gestures. Drawn hands, not photographs: no free package with photographs of hands was found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
DRAWN_PX = 109  # the one size the font has
HANDS = {"open_palm": "\U0001f590", "raised_hand": "\u270b", "fist": "\U0001f44a", "thumbs_up": "\U0001f44d",
         "victory": "\u270c", "pointing": "\u261d", "horns": "\U0001f918", "no_hand": "\U0001f333"}  # fmt: skip
SKINS = ("\U0001f3fb", "\U0001f3fc", "\U0001f3fd", "\U0001f3fe", "\U0001f3ff")


def hand_picture(name: str, size_px: int = 200, skin: int = 1, at_px: tuple[int, int] = (320, 180)) -> np.ndarray:
    """uint8 [360, 640, 3] RGB with the hand's middle at at_px."""
    if not FONT.exists():
        pytest.fail("the emoji font is missing: apt-get install fonts-noto-color-emoji")
    sign = HANDS[name] + ("" if name == "no_hand" else SKINS[skin])
    drawn = Image.new("RGBA", (160, 160), (0, 0, 0, 0))
    font = ImageFont.truetype(str(FONT), DRAWN_PX)
    ImageDraw.Draw(drawn).text((10, 10), sign, font=font, embedded_color=True)
    drawn = drawn.resize((size_px, size_px), Image.LANCZOS)
    picture = Image.new("RGB", (640, 360), (90, 110, 120))
    picture.paste(drawn, (at_px[0] - size_px // 2, at_px[1] - size_px // 2), drawn)
    return np.array(picture)
