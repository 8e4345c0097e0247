# SPDX-License-Identifier: Apache-2.0
"""What the adapter's training hears said: commands, near commands and other talk, each with how it is written.

Called by adapter.py. Invariant: seeded; the prose is of other modules than the false trigger benchmark's.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mirage_lsd.worker.senses.voice.engines.token_graph import written_forms
from mirage_lsd.worker.senses.voice.grammar import Grammar, Node
from mirage_lsd.worker.train.voice.speech import TRAINING_ACCENTS, TRAINING_VARIANTS, Voice

PROSE_MODULES = (
    "abc", "bdb", "cmd", "code", "codecs", "configparser", "contextlib", "copy", "decimal", "dis", "filecmp",
    "fileinput", "ftplib", "getpass", "gettext", "glob", "gzip", "hashlib", "http.client", "http.server", "inspect",
    "linecache", "locale", "nntplib", "numbers", "pdb", "pickle", "poplib", "profile", "queue", "sched", "selectors",
    "shelve", "shutil", "socketserver", "subprocess", "tempfile", "trace", "traceback", "types", "typing", "uuid",
    "wave", "weakref",
)  # fmt: skip
SOUNDS_LIKE = ("marriage", "garage", "mirror", "the image", "massage", "barrage", "my rush", "admire", "miracle",
               "Mary", "more of", "mileage", "moral", "Maurice", "collage", "message")  # fmt: skip
_FLITE = (Voice("flite", "rms"), Voice("flite", "slt"), Voice("flite", "awb"))


@dataclass(frozen=True)
class Utterance:
    """spoken: for the voice. written: how the model shall write it, leading space and full stop included."""

    spoken: str
    written: str
    voice: Voice


def utterances(grammar: Grammar, seed: int) -> Iterator[Utterance]:
    """Without end: 60 in 100 are commands after the wake word; the rest teaches that not everything is one."""
    rng = random.Random(seed)
    wake = grammar.wake_word.capitalize()
    while True:
        draw, command = rng.random(), _sentence(grammar.command, rng)
        written = _written(command)
        if draw < 0.60:
            text, written = f"{wake}, {command}", f" {wake}, {written}."
        elif draw < 0.68:
            text, written = command, f" {written.capitalize()}."
        elif draw < 0.76:
            like = rng.choice(SOUNDS_LIKE)
            text, written = f"{like}, {command}", f" {like[0].upper()}{like[1:]}, {written}."
        elif draw < 0.86:
            clause = _clause(rng)
            text, written = f"{wake}, {clause}", f" {wake}, {clause}."
        else:
            clause = _clause(rng)
            text, written = clause, f" {clause[0].upper()}{clause[1:]}."
        yield Utterance(text, written, _voice(rng))


def _voice(rng: random.Random) -> Voice:
    if rng.random() < 0.12:
        return rng.choice(_FLITE)
    code = f"{rng.choice(TRAINING_ACCENTS)}+{rng.choice(TRAINING_VARIANTS)}"
    return Voice("espeak", code, rng.randrange(120, 190, 5), rng.randrange(30, 71, 5))


def _sentence(node: Node, rng: random.Random) -> str:
    """One sentence of an expression; the fixed phrases, which come as words, are drawn as one alternative."""
    if isinstance(node, str):
        return node
    kind, *parts = node
    if kind == "opt":
        return _sentence(parts[0], rng) if rng.random() < 0.5 else ""
    if kind == "seq":
        return " ".join(filter(None, (_sentence(part, rng) for part in parts)))
    deep = [part for part in parts if not isinstance(part, str)]
    plain = [part for part in parts if isinstance(part, str)]
    return _sentence(rng.choice(deep if deep and (not plain or rng.random() < 0.6) else plain), rng)


def _written(command: str) -> str:
    return written_forms(command)[-1] if re.match(r"(number|look|preset) ", command) else command


def _clause(rng: random.Random) -> str:
    words = rng.choice(_prose()).split()
    count = rng.randint(2, 7)
    start = rng.randrange(max(len(words) - count, 0) + 1)
    return " ".join(words[start : start + count]).lower().strip(",-' ")


@lru_cache(maxsize=1)
def _prose() -> tuple[str, ...]:
    return tuple(text for module in PROSE_MODULES for text in prose(module))


def prose(module: str) -> Iterator[str]:
    """Plain sentences of a standard library module's docstrings."""
    file = Path(sysconfig.get_path("stdlib"), *module.split(".")).with_suffix(".py")
    if not file.exists():
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            for text in re.split(r"(?<=[.!?])\s+", " ".join((ast.get_docstring(node) or "").split())):
                if re.fullmatch(r"[A-Z][A-Za-z ,'-]{20,160}[.!?]", text):
                    yield text.rstrip(".!?")
