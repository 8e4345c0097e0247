# SPDX-License-Identifier: Apache-2.0
"""Whisper's text decoder in numpy, made for one job: scoring the continuations that a grammar allows.

Called by the Whisper engine's thread. A general library samples freely; here a handful of beams each ask for the
probability of a few allowed tokens. Invariant: weights are read-only; everything of one phrase is in its `Beams`.
Shapes: B beams, L tokens, T columns of the encoder's picture, D = 384 for tiny, H heads of 64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_HEAD = 64
ENGLISH_VOCABULARY = 51_864
FREQUENT = 6000  # the first tokens of a byte-pair vocabulary are its most frequent pieces


@dataclass(frozen=True)
class Beams:
    """keys, values: per layer float32 [B, H, L, 64] of the tokens so far; hidden: [B, D] after the last one."""

    keys: tuple[np.ndarray, ...]
    values: tuple[np.ndarray, ...]
    hidden: np.ndarray

    def pick(self, rows: list[int]) -> Beams:
        """These beams, in this order; a row may be taken more than once."""
        return Beams(tuple(k[rows] for k in self.keys), tuple(v[rows] for v in self.values), self.hidden[rows])


class Decoder:
    """The decoder over one model's weights (names as in a CTranslate2 model file)."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._w = {
            name.removeprefix("decoder/"): np.ascontiguousarray(array.astype(np.float32))
            for name, array in weights.items()
            if name.startswith("decoder/") and array.dtype == np.float16
        }
        self.layers = 1 + max(int(name.split("/")[0].removeprefix("layer_")) for name in self._w if "/ffn/" in name)
        self._embeddings = self._w["embeddings/weight"]
        self._likely = self._embeddings[:0]

    @property
    def is_english(self) -> bool:
        """True for the models of English alone; the others must be told the language."""
        return len(self._embeddings) == ENGLISH_VOCABULARY

    def attend_to(self, encoded: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Keys and values of the sound, once a phrase: float32 [T, D] -> per layer [H, T, 64] twice."""
        made = []
        for layer in range(self.layers):
            both = self._linear(encoded, f"layer_{layer}/attention/linear_1")
            keys, values = np.split(both, 2, axis=1)
            made.append((_heads(keys[None])[0], _heads(values[None])[0]))
        return made

    def step(self, tokens: np.ndarray, sound: list, beams: Beams | None) -> Beams:
        """Feed int [B, L] tokens after those of `beams` (None: at the start). L > 1 only at the start."""
        done = 0 if beams is None else beams.keys[0].shape[2]
        count = tokens.shape[1]
        x = self._embeddings[tokens] + self._w["position_encodings/encodings"][done : done + count]
        keys, values = [], []
        for layer in range(self.layers):
            name = f"layer_{layer}"
            past = (None, None) if beams is None else (beams.keys[layer], beams.values[layer])
            mixed, key, value = self._attend_to_tokens(self._norm(x, f"{name}/self_attention"), name, *past)
            x = x + mixed
            x = x + self._attend_to_sound(self._norm(x, f"{name}/attention"), name, *sound[layer])
            inner = self._linear(self._norm(x, f"{name}/ffn"), f"{name}/ffn/linear_0")
            x = x + self._linear(_gelu(inner), f"{name}/ffn/linear_1")
            keys.append(key)
            values.append(value)
        last = _normalised(x[:, -1], self._w["layer_norm/gamma"], self._w["layer_norm/beta"])
        return Beams(tuple(keys), tuple(values), last)

    def restrict(self, tokens: set[int]) -> dict[int, int]:
        """Weigh only these tokens and the FREQUENT first ones from now on, a tenth of all: 5 ms less a step. Returns
        token -> column of `log_probabilities`; the rest of the vocabulary is taken to have no probability."""
        kept = [*range(FREQUENT), *sorted(token for token in tokens if token >= FREQUENT)]
        self._likely = np.ascontiguousarray(self._embeddings[kept].T)
        return {token: column for column, token in enumerate(kept)}

    def log_probabilities(self, beams: Beams) -> np.ndarray:
        """float32 [B, columns] of the next token; see `restrict`."""
        logits = beams.hidden @ self._likely
        top = logits.max(axis=1, keepdims=True)
        return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))

    def _attend_to_tokens(self, x, name, past_keys, past_values):
        joined = self._linear(x, f"{name}/self_attention/linear_0")
        query, key, value = (_heads(part) for part in np.split(joined, 3, axis=2))
        if past_keys is not None:
            key = np.concatenate([past_keys, key], axis=2)
            value = np.concatenate([past_values, value], axis=2)
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.float32(_HEAD))
        if x.shape[1] > 1:
            scores += np.triu(np.full(scores.shape[-2:], -1e9, np.float32), 1 + scores.shape[-1] - scores.shape[-2])
        return self._linear(_merged(_softmax(scores) @ value), f"{name}/self_attention/linear_1"), key, value

    def _attend_to_sound(self, x, name, keys, values):
        query = _heads(self._linear(x, f"{name}/attention/linear_0"))
        weights = _softmax(query @ keys.transpose(0, 2, 1)[None] / np.sqrt(np.float32(_HEAD)))
        return self._linear(_merged(weights @ values[None]), f"{name}/attention/linear_2")

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._w[f"{name}/weight"].T + self._w[f"{name}/bias"]

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return _normalised(x, self._w[f"{name}/layer_norm/gamma"], self._w[f"{name}/layer_norm/beta"])


def _normalised(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + np.float32(1e-5)) * gamma + beta


def _heads(x: np.ndarray) -> np.ndarray:
    """[B, L, D] -> [B, H, L, 64]."""
    return x.reshape(*x.shape[:2], -1, _HEAD).transpose(0, 2, 1, 3)


def _merged(x: np.ndarray) -> np.ndarray:
    """[B, H, L, 64] -> [B, L, D]."""
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def _softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x**3)))
