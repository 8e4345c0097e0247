# SPDX-License-Identifier: Apache-2.0
"""A grammar as a graph over a model's tokens: which token may come next, and may the phrase end here.

Built by the Whisper engine whenever the grammar changes; its states are made when first asked for. Invariant: a path
from START to an ending state spells a sentence of the grammar in one of its usual written forms.
"""

from __future__ import annotations

from collections.abc import Callable

from mirage_lsd.worker.senses.voice.grammar import Grammar, Node
from mirage_lsd.worker.senses.voice.numbers import value_of

_WRITTEN = {
    "t-shirt": ("t-shirt", "T-shirt", "t shirt"), "sci-fi": ("sci-fi", "Sci-Fi", "sci fi"), "grey": ("grey", "gray"),
    "blonde": ("blonde", "blond"),
}
State = frozenset  # of (place in the grammar, tokens still to come of the phrase under way)


class TokenGraph:
    """states are frozensets; `after(state)` gives the allowed tokens, `ends(state)` whether a phrase may end."""

    def __init__(self, grammar: Grammar, encode: Callable[[str], tuple[int, ...]]) -> None:
        self._encode = encode
        self._edges: list[list[tuple[str, int]]] = []
        self._skips: list[list[int]] = []
        start, self._final = self._place(), self._place()
        self._lay(grammar.command, start, self._final)
        self.start: State = frozenset(self._reach(start))
        self._after: dict[State, dict[int, State]] = {}

    def after(self, state: State) -> dict[int, State]:
        """Allowed next token -> the state it leads to."""
        if state not in self._after:
            found: dict[int, set] = {}
            for place, rest in state:
                if rest:
                    found.setdefault(rest[0], set()).update(self._move(place, rest[1:]))
                    continue
                for phrase, target in self._edges[place]:
                    for form in written_forms(phrase):
                        tokens = self._encode(f" {form}")
                        found.setdefault(tokens[0], set()).update(self._move(target, tokens[1:]))
            self._after[state] = {token: frozenset(places) for token, places in found.items()}
        return self._after[state]

    def tokens(self) -> set[int]:
        """Every token that can occur."""
        forms = (form for edges in self._edges for phrase, _ in edges for form in written_forms(phrase))
        return {token for form in forms for token in self._encode(f" {form}")}

    def ends(self, state: State) -> bool:
        """True if a sentence is complete here."""
        return any(place == self._final and not rest for place, rest in state)

    def _move(self, target: int, rest: tuple[int, ...]) -> set:
        return {(target, rest)} if rest else self._reach(target)

    def _reach(self, place: int) -> set:
        """The place and those reached from it without a word."""
        found, todo = {place}, [place]
        while todo:
            for other in self._skips[todo.pop()]:
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return {(each, ()) for each in found}

    def _place(self) -> int:
        self._edges.append([])
        self._skips.append([])
        return len(self._edges) - 1

    def _lay(self, node: Node, start: int, end: int) -> None:
        if isinstance(node, str):
            self._edges[start].append((node, end))
            return
        kind, *parts = node
        if kind == "seq":
            for part in parts[:-1]:
                middle = self._place()
                self._lay(part, start, middle)
                start = middle
            self._lay(parts[-1], start, end)
            return
        if kind == "opt":
            self._skips[start].append(end)
        for part in parts:
            self._lay(part, start, end)


def written_forms(phrase: str) -> tuple[str, ...]:
    """How a phrase may be written down: "number seven" also as "number 7", "grey suit" also as "gray suit"."""
    forms = [""]
    words = phrase.split()
    for word in words:
        forms = [f"{form} {other}".strip() for form in forms for other in _WRITTEN.get(word, (word,))]
    for size in (2, 1):
        number = value_of(" ".join(words[-size:])) if len(words) >= size else None
        if number is not None:
            return (*forms, " ".join([*words[:-size], str(number)]))
    return tuple(forms)
