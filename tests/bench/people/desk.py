#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A streamer's desk, composed onto films of real people, and what the product makes of it.

    JUDGE/bin/python tests/bench/people/desk.py PROJECT FILMS OUT [--looks "navy suit;t-shirt"] [--size medium]

JUDGE is the environment that ../shared/people/measure.py describes. Headset, microphone, chair, glasses, coloured light
and green screen each on two films; OUT gets each film as numbered pictures with the prop's truth beside it, the
product's pictures, desk.json and sheet.png. Figures: prop, the share of the prop's pixels that changed by more than 12
levels (must stay; of the microphone what is before the person), on every sixth frame; the others as in by_hand.py, on
the frames whose masks were drawn by hand, the prop left out.
Invariant: nothing is written outside OUT. Exits 3, saying why, where the films are absent.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from desk_light import coloured_light, green_screen, without_wall
from desk_props import Sheet, chair, glasses, headset, microphone
from drawn_masks import BACKGROUND, OTHER, drawn_frames
from head_place import middle_of
from head_track import heads_of, people_in
from mask_figures import changed, figures, grown, share
from product_run import frames_of, restyled, write_pictures

EVERY, FILMS_ABSENT = 6, 3
FILMS = {"headset": ("book", "again"), "microphone": ("sorry", "sister"), "chair": ("walk", "student"),
         "glasses": ("again", "night"), "light": ("bird", "want"), "green": ("book", "eat")}  # fmt: skip
MOVING, STANDING = {"headset": headset, "glasses": glasses}, {"microphone": microphone, "chair": chair}
SHOWN = ("hand", "face", "hair", "strap", "garment", "beside", "beside_hood", "edge_px")


def before(frame: np.ndarray, person: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """The person of a frame before another picture, uint8 [h, w, 3]."""
    opaque = person[..., None]
    return np.round(without_wall(frame, person) * opaque + behind * (1 - opaque)).astype(np.uint8)


def composed(kind: str, frames: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The film with the thing in it, and the truth of where it is seen: bool [h, w] a frame."""
    heads, people = heads_of(frames), people_in(frames)
    if kind == "light":
        made = [coloured_light(*one) for one in zip(frames, people, heads, strict=True)]
        return made, [np.zeros(person.shape, bool) for person in people]
    if kind == "green":
        made = [green_screen(*one) for one in zip(frames, people, range(len(frames)), strict=True)]
        return made, [~grown(person > 0.02, 3) for person in people]
    still = middle_of(heads)
    out, truths = [], []
    for frame, person, head in zip(frames, people, heads, strict=True):
        sheet = Sheet(frame.shape[1::-1])
        MOVING[kind](sheet, head) if kind in MOVING else STANDING[kind](sheet, still)
        made, cover = sheet.laid_on(frame)
        if kind == "chair":
            made, cover = before(frame, person, made), cover * (1 - person)
        elif kind == "microphone":
            cover = cover * (person > 0.5)
        out.append(made)
        truths.append(cover > (0.15 if kind == "glasses" else 0.9))
    return out, truths


def judged(source, truths, made, film: str, look: str) -> dict[str, float | None]:
    """The prop's share, and the means of by_hand's figures."""
    props = [share(changed(source[number], made[number]), grown(truths[number], -1))
             for number in range(EVERY, len(source), EVERY)]
    rows = []
    for drawn in drawn_frames():
        if drawn.film == f"{film}.mkv" and drawn.frame < len(source):
            labels = without_prop(drawn.labels(), truths[drawn.frame])
            rows.append(figures(source[drawn.frame], made[drawn.frame], labels, look))
    out = {"prop": mean_of(props)}
    return out | {key: mean_of([row.get(key) for row in rows]) for key in SHOWN}


def without_prop(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The drawn classes, uint8 [h, w], with the prop as something else; where it is a wall, all background too."""
    labels[grown(truth, 2)] = OTHER
    if truth.mean() > 0.5:
        labels[labels == BACKGROUND] = OTHER
    return labels


def mean_of(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 3) if known else None


def desk_film(options: argparse.Namespace, kind: str, film: str) -> tuple[list[dict], np.ndarray]:
    """Rows of figures, and a strip: the composed frame, then each look."""
    shown = max(drawn.frame for drawn in drawn_frames() if drawn.film == f"{film}.mkv")
    source, truths = composed(kind, frames_of(options.films / f"{film}.mkv", shown + 1))
    folder = options.out / f"{kind}-{film}"
    write_pictures(source, folder / "source")
    write_pictures([truth.astype(np.uint8) * 255 for truth in truths], folder / "truth")
    rows, strip = [], [source[shown]]
    for look in options.looks.split(";"):
        made = restyled(options.project, folder / "source", folder / look.replace(" ", "-"), look, options.size)
        strip.append(made[shown])
        rows.append({"kind": kind, "film": film, "look": look, **judged(source, truths, made, film, look)})
        print("  ".join("–" if value is None else str(value) for value in rows[-1].values()), flush=True)
    return rows, np.hstack(strip)


def main() -> int:
    parser = argparse.ArgumentParser(description="a streamer's desk, composed and judged")
    for name in ("project", "films", "out"):
        parser.add_argument(name, type=lambda text: Path(text).resolve())
    parser.add_argument("--looks", default="green hoodie;navy suit", help="separated by ;")
    parser.add_argument("--size", default="medium")
    parser.add_argument("--things", default=",".join(FILMS), help="separated by commas")
    options = parser.parse_args()
    absent = {film for films in FILMS.values() for film in films if not (options.films / f"{film}.mkv").exists()}
    if absent:
        print(f"skipped: not in {options.films}: {', '.join(sorted(absent))}", file=sys.stderr)
        return FILMS_ABSENT
    print("  ".join(("kind", "film", "look", "prop", *SHOWN)))
    rows, strips = [], []
    for kind in options.things.split(","):
        for film in FILMS[kind]:
            more, strip = desk_film(options, kind, film)
            rows += more
            strips.append(strip)
    (options.out / "desk.json").write_text(json.dumps(rows, indent=1))
    cv2.imwrite(str(options.out / "sheet.png"), np.vstack(strips))
    return 0


if __name__ == "__main__":
    sys.exit(main())
