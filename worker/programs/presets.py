# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd presets`: list the looks, edit your own, draw the pictures of the shipped ones.

Invariant: a mistake in the user's file is told, and hides none of the shipped presets.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXIT_REFUSED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What comes after `mirage-lsd presets`."""
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(metavar="ACTION")
    edit = actions.add_parser("edit", help="open your own presets in an editor, made if there are none yet")
    edit.set_defaults(run=_edit)
    thumbnails = actions.add_parser("thumbnails", help="have the model draw the pictures of the shipped presets")
    thumbnails.add_argument("--picture", type=Path, metavar="FILE", help="a person, waist up (default: scikit-image's)")
    thumbnails.add_argument("--out", type=Path, metavar="FOLDER", help="default: where the shipped ones are")
    thumbnails.set_defaults(run=_draw)


def _list(_options: argparse.Namespace) -> int:
    from mirage_lsd.worker.presets.presets import load_presets

    presets = load_presets()
    for preset in presets.by_id.values():
        print(f"{preset.id:24} {preset.summary()}")
    if presets.problem:
        print(f"mirage-lsd: {presets.problem}", file=sys.stderr)
    return EXIT_REFUSED if presets.problem else 0


def _edit(_options: argparse.Namespace) -> int:
    from mirage_lsd.worker.presets.presets import create_user_file, open_in_editor

    path = create_user_file()
    print(path)
    open_in_editor(path)
    return 0


def _draw(options: argparse.Namespace) -> int:
    from mirage_lsd.worker.programs import thumbnails

    return thumbnails.run(options)
