# SPDX-License-Identifier: Apache-2.0
"""Finds the sentence of the grammar that a phrase of sound most likely says, and how likely that is.

Called by the Whisper engine's thread once a phrase. A beam search in which each beam may only go where the grammar
goes. Invariant: what comes back is a sentence of the grammar; how sure the model was is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.senses.voice.engines.token_graph import State, TokenGraph
from mirage_lsd.worker.senses.voice.engines.whisper_decoder import Beams, Decoder

WIDTH = 8
BONUS = 1.0  # for each token, in nats: a model sure of little prefers short sentences without it
MAX_TOKENS = 16
ALONE_LOG = -0.7


@dataclass(frozen=True)
class Found:
    """tokens of the command; logs: the natural logarithm of each one's probability, the end's included; behind: by
    how much the token that the model liked best there was likelier; wake_log: logarithm for the wake word (0.0 without
    one)."""

    tokens: tuple[int, ...]
    logs: tuple[float, ...]
    behind: tuple[float, ...]
    wake_log: float

    @property
    def score(self) -> float:
        return sum(self.logs)


@dataclass(frozen=True)
class _Path:
    tokens: tuple[int, ...]
    logs: tuple[float, ...]
    behind: tuple[float, ...]
    state: State
    row: int

    @property
    def score(self) -> float:
        return sum(self.logs)


class GrammarSearch:
    """One search over a decoder and a graph. ends: tokens that close a sentence. wake: those of the wake word, ()
    for none; comma: what is written between it and the command; wake_least_log: a wake word less likely than this
    ends the search, as in most of all other speech."""

    def __init__(
        self,
        decoder: Decoder,
        graph: TokenGraph,
        ends: tuple[int, ...],
        wake: tuple[int, ...],
        comma: int,
        wake_least_log: float,
    ) -> None:
        self._decoder = decoder
        self._graph = graph
        self._columns = decoder.restrict({*graph.tokens(), *ends, *wake, comma})
        self._ends = [self._columns[token] for token in ends]
        self._wake = wake
        self._comma = comma
        self._wake_least_log = wake_least_log

    def best(self, encoded: np.ndarray, start: list[int]) -> Found | None:
        """The best sentence, one without tokens for the wake word alone, None if the wake word is unlikely or nothing
        fits in MAX_TOKENS. encoded: float32 [T, D].

        start: the model's tokens that begin a text.
        """
        sound = self._decoder.attend_to(encoded)
        beams = self._decoder.step(np.array([start]), sound, None)
        logs = self._decoder.log_probabilities(beams)
        wake_log = 0.0
        if self._wake:
            wake_log, beams, logs = self._say(self._wake, beams, logs, sound)
            alone_log = self._end_log(logs, 0)
            if wake_log < self._wake_least_log:
                return None
            if alone_log > ALONE_LOG:
                return Found((), (alone_log,), (0.0,), wake_log)
            _, beams, logs = self._say((self._comma,), beams, logs, sound)
        paths = [_Path((), (), (), self._graph.start, 0)]
        found: Found | None = None
        for _ in range(MAX_TOKENS):
            for path in paths:
                found = self._ended(path, logs, wake_log, found)
            paths = self._extended(paths, logs, found)
            if not paths:
                break
            last = np.array([[path.tokens[-1]] for path in paths])
            beams = self._decoder.step(last, sound, beams.pick([path.row for path in paths]))
            logs = self._decoder.log_probabilities(beams)
            paths = [_Path(path.tokens, path.logs, path.behind, path.state, row) for row, path in enumerate(paths)]
        return found

    def _say(self, tokens: tuple[int, ...], beams: Beams, logs: np.ndarray, sound: list):
        """Feeds tokens that have to come: (log probability of them all, beams and logs after them)."""
        total = 0.0
        for token in tokens:
            total += self._log(logs, 0, token)
            beams = self._decoder.step(np.array([[token]]), sound, beams)
            logs = self._decoder.log_probabilities(beams)
        return total, beams, logs

    def _end_log(self, logs: np.ndarray, row: int) -> float:
        """Log probability that the text ends here."""
        return float(np.logaddexp.reduce(logs[row, self._ends]))

    def _extended(self, paths: list[_Path], logs: np.ndarray, found: Found | None) -> list[_Path]:
        """The WIDTH best ways on that can still beat what was found."""
        best = logs.max(axis=1)
        made = []
        for path in paths:
            for token, state in self._graph.after(path.state).items():
                log = self._log(logs, path.row, token)
                behind = float(best[path.row]) - log
                made.append(_Path((*path.tokens, token), (*path.logs, log), (*path.behind, behind), state, path.row))
        made.sort(key=lambda path: path.score + len(path.tokens) * BONUS, reverse=True)
        least = -np.inf if found is None else _rated(found) - MAX_TOKENS * BONUS
        return [path for path in made[:WIDTH] if path.score > least]

    def _ended(self, path: _Path, logs: np.ndarray, wake_log: float, found: Found | None) -> Found | None:
        if not path.tokens or not self._graph.ends(path.state):
            return found
        end_log = self._end_log(logs, path.row)
        behind = max(float(logs[path.row].max()) - end_log, 0.0)
        ended = Found(path.tokens, (*path.logs, end_log), (*path.behind, behind), wake_log)
        return ended if found is None or _rated(ended) > _rated(found) else found

    def _log(self, logs: np.ndarray, row: int, token: int) -> float:
        return float(logs[row, self._columns[token]])


def _rated(found: Found) -> float:
    return found.score + BONUS * len(found.tokens)
