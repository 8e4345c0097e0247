#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The product's pictures of real people against masks drawn by hand.

    .venv/bin/python tests/bench/people/by_hand.py PROJECT FILMS OUT [--looks "navy suit;t-shirt"] [--size medium]

PROJECT is the checkout that is judged (its .venv/bin/mirage-lsd is run), FILMS the folder with the films (see
tests/data/people_masks/README.md), OUT a folder for pictures, by_hand.json and sheet.png. Shares are of pixels that
changed by more than 12 levels:

hand, hair   inside by 2 px: must stay; hand_edge: with their outermost pixels; hair stays unless the look names it
between      garment within a hand's hull: new cloth
face         upper two thirds of the skin of the head: must stay; neck: the rest, where a collar may lie
strap        lanyards, badges, watches: must stay
arm          bare arms; arm_wrong: painted under short sleeves, or bare under long ones
garment      covered; beside: background 3 to 25 px beside the garment (beside_hood: under a look with a hood, which may
             stand out); away: farther from the person
edge_px      width of the steps along the garment's drawn outline, relative to the source's there

Invariant: the sheet and the pictures go to OUT and nowhere else. Exits 3, saying why, where the films are absent.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from drawn_masks import DrawnFrame, drawn_frames
from mask_figures import figures, summary
from product_run import frames_of, restyled, write_pictures

LOOKS = "green hoodie;navy suit;white t-shirt;red leather jacket"
FILMS_ABSENT = 3


def judged_film(options: argparse.Namespace, film: str, drawn: list[DrawnFrame]) -> tuple[list[dict], list[np.ndarray]]:
    """Rows of figures, and a strip of pictures for each frame."""
    frames = frames_of(options.films / film, 1 + max(each.frame for each in drawn))
    known = [each for each in drawn if each.frame < len(frames) and each.is_of(frames[each.frame])]
    for each in set(drawn) - set(known):
        print(f"skipped: {film} {each.frame} is not decoded to the frame that was drawn on", file=sys.stderr)
    source, rows = options.out / "source" / Path(film).stem, []
    write_pictures(frames, source)
    strips = {each: [frames[each.frame]] for each in known}
    for look in options.looks.split(";"):
        made = restyled(options.project, source, options.out / look.replace(" ", "-") / source.name, look, options.size)
        for each in known:
            one = made[each.frame]
            strips[each].append(one)
            rows.append({"film": film, "frame": each.frame, "look": look,
                         "figures": figures(frames[each.frame], one, each.labels(), look)})
    return rows, [np.hstack(strip) for strip in strips.values()]


def by_film(drawn: list[DrawnFrame]) -> dict[str, list[DrawnFrame]]:
    films = defaultdict(list)
    for each in drawn:
        films[each.film].append(each)
    return dict(films)


def print_table(rows: list[dict]) -> None:
    """Each figure over all looks, and for each look."""
    looks = sorted({row["look"] for row in rows})
    columns = [summary(rows), *(summary([row for row in rows if row["look"] == look]) for look in looks)]
    print(f"{'':11s}{'limit':>7s}{'all':>8s}{'worst':>8s}   {'   '.join(looks)}")
    for key, figure in columns[0].items():
        found = [column.get(key, figure | {"value": None})["value"] for column in columns]
        values = ["–" if value is None else f"{value:.3f}" for value in found]
        limit = "" if figure["limit"] is None else f"{figure['limit']:.3f}"
        missed = "  missed" if figure["kept"] is False else ""
        print(f"{key:11s}{limit:>7s}{values[0]:>8s}{figure['worst']!s:>8s}   "
              + "   ".join(f"{value:>{len(look)}s}" for value, look in zip(values[1:], looks, strict=True)) + missed)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="the product against masks drawn by hand")
    for name in ("project", "films", "out"):
        parser.add_argument(name, type=lambda text: Path(text).resolve())
    parser.add_argument("--looks", default=LOOKS, help="separated by ;")
    parser.add_argument("--size", default="medium")
    return parser.parse_args()


def main() -> int:
    options, films = parsed(), by_film(drawn_frames())
    absent = [film for film in films if not (options.films / film).exists()]
    if absent:
        print(f"skipped: not in {options.films}: {', '.join(absent)}", file=sys.stderr)
        return FILMS_ABSENT
    rows, strips = [], []
    for film, drawn in films.items():
        more, pictures = judged_film(options, film, drawn)
        rows += more
        strips += pictures
    (options.out / "by_hand.json").write_text(json.dumps({"figures": summary(rows), "rows": rows}, indent=1))
    sheet = cv2.resize(np.vstack(strips), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(options.out / "sheet.png"), sheet)
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
