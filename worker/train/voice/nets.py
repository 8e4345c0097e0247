# SPDX-License-Identifier: Apache-2.0
"""Whisper's encoder and decoder in torch, their weights frozen, each matrix with a trainable low-rank change beside it.

Called by adapter.py. The encoder's matrices and the decoder's matrices that attend to the sound have a change; the
encoder's two convolutions a full one. Invariant: with all changes at 0 they compute what CTranslate2 computes from the
same file (tests/unit/voice/test_voice_adapter.py).
Shapes: B phrases, L tokens, T positions of sound, D = 384 for tiny, heads of 64.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mirage_lsd.worker.senses.voice.engines.adapter import Thin
from mirage_lsd.worker.senses.voice.engines.whisper_decoder import FREQUENT

RANK = 24
HEAD = 64
_SOUND = "/attention/linear"  # in the names of the decoder's matrices that attend to the sound


class Net(nn.Module):
    """One half of the model. half: "encoder" or "decoder"; `changes(name)` says which matrices get a change."""

    def __init__(self, half: str, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.half = half
        self.w = {name.removeprefix(f"{half}/"): torch.tensor(array.astype(np.float32))
                  for name, array in weights.items()
                  if name.startswith(f"{half}/") and array.dtype == np.float16}  # fmt: skip
        self.layers = sum(name.endswith("ffn/linear_0/weight") for name in self.w)
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, weight in self.w.items():
            if "linear" in name and name.endswith("weight") and self.changes(name):
                self.down[_key(name)] = nn.Parameter(torch.randn(RANK, weight.shape[1]) / weight.shape[1] ** 0.5)
                self.up[_key(name)] = nn.Parameter(torch.zeros(weight.shape[0], RANK))

    def changes(self, name: str) -> bool:
        """True for a matrix that gets a change."""
        return True

    def thin(self) -> dict[str, Thin]:
        """(up, down) of each matrix by its name in the model file."""
        changed = [name for name in self.w if _key(name) in self.up]
        return {f"{self.half}/{n}": tuple(part[_key(n)].detach().numpy() for part in (self.up, self.down))
                for n in changed}  # fmt: skip

    def start_from(self, thin: dict[str, Thin]) -> None:
        """Take over the changes that another training made; the others stay."""
        with torch.no_grad():
            for name, (up, down) in thin.items():
                key = _key(name.removeprefix(f"{self.half}/"))
                if name.startswith(self.half) and key in self.up and up.shape == self.up[key].shape:
                    self.up[key].copy_(torch.tensor(up))
                    self.down[key].copy_(torch.tensor(down))

    def linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """x times the matrix and its change; the change apart, as the frozen matrix then needs no gradient."""
        y = F.linear(x, self.w[name + "/weight"], self.w[name + "/bias"])
        key = _key(name + "/weight")
        return y + F.linear(F.linear(x, self.down[key]), self.up[key]) if key in self.up else y

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Layer norm `name`."""
        return F.layer_norm(x, x.shape[-1:], self.w[f"{name}/gamma"], self.w[f"{name}/beta"])

    def feed_forward(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """What a layer's feed-forward part adds."""
        inner = self.linear(self.norm(x, f"{name}/layer_norm"), f"{name}/linear_0")
        return self.linear(F.gelu(inner), f"{name}/linear_1")

    def attend_to_itself(self, x: torch.Tensor, name: str, causal: bool) -> torch.Tensor:
        """What a layer's self-attention adds."""
        parts = self.linear(self.norm(x, f"{name}/layer_norm"), f"{name}/linear_0").chunk(3, -1)
        mixed = F.scaled_dot_product_attention(*map(_heads, parts), is_causal=causal)
        return self.linear(_merged(mixed), f"{name}/linear_1")


class Encoder(Net):
    """mel float32 [B, 80, 2 T] -> [B, T, D]."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__("encoder", weights)
        self.conv = nn.ParameterDict(
            {str(n): nn.Parameter(torch.zeros_like(self.w[f"conv{n}/weight"])) for n in (1, 2)}
        )

    def whole(self) -> dict[str, np.ndarray]:
        """The change of each convolution by its name in the model file."""
        return {f"encoder/conv{n}/weight": change.detach().numpy() for n, change in self.conv.items()}

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(F.conv1d(mel, self.w["conv1/weight"] + self.conv["1"], self.w["conv1/bias"], padding=1))
        x = F.gelu(F.conv1d(x, self.w["conv2/weight"] + self.conv["2"], self.w["conv2/bias"], stride=2, padding=1))
        x = x.transpose(1, 2)
        x = x + self.w["position_encodings/encodings"][: x.shape[1]]
        for layer in range(self.layers):
            x = x + self.attend_to_itself(x, f"layer_{layer}/self_attention", causal=False)
            x = x + self.feed_forward(x, f"layer_{layer}/ffn")
        return self.norm(x, "layer_norm")


class Decoder(Net):
    """tokens int64 [B, L] and sound [B, T, D] -> logits [B, L, kept tokens]."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__("decoder", weights)
        self.kept = torch.arange(len(self.w["embeddings/weight"]))

    def changes(self, name: str) -> bool:
        """Only how it attends to the sound: what it expects to be said stays."""
        return _SOUND in name

    def keep(self, tokens: set[int]) -> None:
        """Weigh only these and the FREQUENT first tokens, as the engine does."""
        self.kept = torch.tensor([*range(FREQUENT), *sorted(token for token in tokens if token >= FREQUENT)])

    def forward(self, tokens: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
        x = self.w["embeddings/weight"][tokens] + self.w["position_encodings/encodings"][: tokens.shape[1]]
        for layer in range(self.layers):
            x = x + self.attend_to_itself(x, f"layer_{layer}/self_attention", causal=True)
            name = f"layer_{layer}/attention"
            query = _heads(self.linear(self.norm(x, f"{name}/layer_norm"), f"{name}/linear_0"))
            key, value = map(_heads, self.linear(sound, f"{name}/linear_1").chunk(2, -1))
            x = x + self.linear(_merged(F.scaled_dot_product_attention(query, key, value)), f"{name}/linear_2")
            x = x + self.feed_forward(x, f"layer_{layer}/ffn")
        return self.norm(x, "layer_norm") @ self.w["embeddings/weight"][self.kept].T


def _key(name: str) -> str:
    return name.replace("/", "-")


def _heads(x: torch.Tensor) -> torch.Tensor:
    return x.unflatten(-1, (-1, HEAD)).transpose(1, 2)


def _merged(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2).flatten(2)
