# SPDX-License-Identifier: Apache-2.0
"""Trains the adapter: a small change to Whisper tiny.en's encoder that helps it hear commands in noise.

    python -m mirage_lsd.worker.train.voice.adapter --minutes 40 --out worker/models/data/voice-adapter.safetensors

Run by hand by a developer; needs torch, espeak-ng and ffmpeg. The decoder is frozen and the encoder's matrices get a
low-rank change each (the two convolutions a full one), learned from utterances.py in noises of 3 … 25 dB. Stop and
start again with --resume. Invariant: the encoder here computes what CTranslate2 computes from the same file
(tests/unit/test_voice_adapter.py).
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mirage_lsd.worker.presets import load_library
from mirage_lsd.worker.train.voice.noises import ALL_KINDS, noise
from mirage_lsd.worker.train.voice.speech import RATE_HZ, TUNING_VOICES, in_noise, speak
from mirage_lsd.worker.train.voice.utterances import Utterance, utterances
from mirage_lsd.worker.voice import adapter, grammar
from mirage_lsd.worker.voice.intents import Phrasebook, spoken_presets
from mirage_lsd.worker.voice.log_mel import log_mel
from mirage_lsd.worker.voice.whisper_decoder import FREQUENT
from mirage_lsd.worker.voice.whisper_files import MODEL_FILE, Tokens, arrays_of, model_folder

RANK = 24
NEAR = 400
MAX_SILENCE_S = 0.8
COLUMN_SAMPLES = 320
LONGEST_S = 2.7
BATCH = 12
HEAD = 64
MAX_TOKENS = 22


class Encoder(nn.Module):
    """Whisper's encoder with its weights frozen and a trainable change of each: mel [B, 80, T] -> [B, T / 2, D]."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.w = {n.removeprefix("encoder/"): torch.tensor(a.astype(np.float32)) for n, a in weights.items()
                  if n.startswith("encoder/") and a.dtype == np.float16}  # fmt: skip
        self.layers = sum(name.endswith("ffn/linear_0/weight") for name in self.w)
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, weight in self.w.items():
            if "linear" in name and name.endswith("weight"):
                self.down[_key(name)] = nn.Parameter(torch.randn(RANK, weight.shape[1]) / weight.shape[1] ** 0.5)
                self.up[_key(name)] = nn.Parameter(torch.zeros(weight.shape[0], RANK))
        self.conv = nn.ParameterDict(
            {str(n): nn.Parameter(torch.zeros_like(self.w[f"conv{n}/weight"])) for n in (1, 2)}
        )

    def change(self) -> tuple[dict, dict]:
        """What adapter.save takes: (up, down) of each matrix, and the change of each convolution."""
        changed = [name for name in self.w if _key(name) in self.up]
        thin = {f"encoder/{n}": tuple(part[_key(n)].detach().numpy() for part in (self.up, self.down)) for n in changed}
        return thin, {f"encoder/conv{n}/weight": change.detach().numpy() for n, change in self.conv.items()}

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(F.conv1d(mel, self.w["conv1/weight"] + self.conv["1"], self.w["conv1/bias"], padding=1))
        x = F.gelu(F.conv1d(x, self.w["conv2/weight"] + self.conv["2"], self.w["conv2/bias"], stride=2, padding=1))
        x = x.transpose(1, 2)
        x = x + self.w["position_encodings/encodings"][: x.shape[1]]
        for layer in range(self.layers):
            name = f"layer_{layer}/"
            x = x + self._attend(_norm(x, self.w, name + "self_attention/"), name + "self_attention/")
            inner = F.gelu(self._linear(_norm(x, self.w, name + "ffn/"), name + "ffn/linear_0"))
            x = x + self._linear(inner, name + "ffn/linear_1")
        return F.layer_norm(x, x.shape[-1:], self.w["layer_norm/gamma"], self.w["layer_norm/beta"])

    def _attend(self, x: torch.Tensor, name: str) -> torch.Tensor:
        mixed = F.scaled_dot_product_attention(*map(_heads, self._linear(x, name + "linear_0").chunk(3, -1)))
        return self._linear(_merged(mixed), name + "linear_1")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        key = _key(name + "/weight")
        return F.linear(x, self.w[name + "/weight"] + self.up[key] @ self.down[key], self.w[name + "/bias"])


class FrozenDecoder:
    """Whisper's decoder as it is: tokens int64 [B, L] and sound [B, T, D] -> logits [B, L, vocabulary]."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.w = {n.removeprefix("decoder/"): torch.tensor(a.astype(np.float32)) for n, a in weights.items()
                  if n.startswith("decoder/") and a.dtype == np.float16}  # fmt: skip
        self.layers = sum(name.endswith("ffn/linear_0/weight") for name in self.w)
        self.kept = torch.arange(len(self.w["embeddings/weight"]))

    def keep(self, tokens: set[int]) -> None:
        """Weigh only these and the FREQUENT first tokens, as the engine does."""
        self.kept = torch.tensor([*range(FREQUENT), *sorted(token for token in tokens if token >= FREQUENT)])

    def __call__(self, tokens: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
        x = self.w["embeddings/weight"][tokens] + self.w["position_encodings/encodings"][: tokens.shape[1]]
        for layer in range(self.layers):
            own, other, inner = (f"layer_{layer}/{part}/" for part in ("self_attention", "attention", "ffn"))
            parts = self._linear(_norm(x, self.w, own), own + "linear_0").chunk(3, -1)
            mixed = F.scaled_dot_product_attention(*map(_heads, parts), is_causal=True)
            x = x + self._linear(_merged(mixed), own + "linear_1")
            query = _heads(self._linear(_norm(x, self.w, other), other + "linear_0"))
            key, value = map(_heads, self._linear(sound, other + "linear_1").chunk(2, -1))
            x = x + self._linear(_merged(F.scaled_dot_product_attention(query, key, value)), other + "linear_2")
            x = x + self._linear(F.gelu(self._linear(_norm(x, self.w, inner), inner + "linear_0")), inner + "linear_1")
        x = F.layer_norm(x, x.shape[-1:], self.w["layer_norm/gamma"], self.w["layer_norm/beta"])
        return x @ self.w["embeddings/weight"][self.kept].T

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.w[name + "/weight"], self.w[name + "/bias"])


def _key(name: str) -> str:
    return name.replace("/", "-")


def _norm(x: torch.Tensor, w: dict, name: str) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{name}layer_norm/gamma"], w[f"{name}layer_norm/beta"])


def _heads(x: torch.Tensor) -> torch.Tensor:
    return x.unflatten(-1, (-1, HEAD)).transpose(1, 2)


def _merged(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2).flatten(2)


def sound_of(said: Utterance, rng: np.random.Generator) -> np.ndarray:
    """The phrase as the endpointer cuts it, three times in four within noise."""
    speech = _colored(speak(said.spoken, said.voice), rng) * np.float32(rng.uniform(0.3, 1.6))
    lead_s, tail_s = rng.uniform(0.15, 0.35), rng.uniform(0.05, 0.3)
    count = speech.size + int((lead_s + tail_s) * RATE_HZ)
    kind = str(rng.choice(ALL_KINDS, p=(0.22, 0.22, 0.12, 0.1, 0.18, 0.16)))
    snr_db = rng.uniform(3, 25) if rng.random() < 0.75 else 50.0
    around = noise(kind, count, int(rng.integers(1 << 30)), TUNING_VOICES)
    mixed, _ = in_noise(speech, around, snr_db, lead_s)
    return np.clip(mixed, -1, 1)


def _colored(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As another microphone would have it: a smooth random change of up to some 6 dB over the spectrum."""
    spectrum = np.fft.rfft(speech)
    points_db = rng.normal(0, 3, 6)
    gain_db = np.interp(np.linspace(0, 5, spectrum.size), np.arange(6), points_db)
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), speech.size).astype(np.float32)


def batches(pool: list[Utterance], tokens: Tokens, seed: int):
    """Without end: (mel [B, 80, T], tokens int64 [B, L + 1] padded with -100)."""
    rng = np.random.default_rng(seed)
    start = [tokens.special("<|startoftranscript|>"), tokens.special("<|notimestamps|>")]
    end = tokens.special("<|endoftext|>")
    pool = sorted(pool, key=lambda said: len(said.spoken))  # what is about as long shares a batch
    while True:
        first = int(rng.integers(len(pool) - NEAR))
        chosen = [pool[i] for i in rng.integers(first, first + NEAR, size=BATCH)]
        sounds = [sound_of(said, rng) for said in chosen]
        longest = max(sound.size for sound in sounds) + int(rng.uniform(0, MAX_SILENCE_S) * RATE_HZ)
        longest -= longest % COLUMN_SAMPLES
        mel = np.stack([log_mel(np.pad(sound[:longest], (0, max(longest - sound.size, 0)))) for sound in sounds])
        rows = [[*start, *tokens.encode(said.written), end][: MAX_TOKENS] for said in chosen]
        width = max(map(len, rows))
        yield torch.tensor(mel), torch.tensor([row + [-100] * (width - len(row)) for row in rows])


def loss_of(encoder: Encoder, decoder: FrozenDecoder, mel: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    logits = decoder(rows[:, :-1].clamp(min=0), encoder(mel))
    wanted = torch.searchsorted(decoder.kept, rows[:, 1:].clamp(min=0)).masked_fill(rows[:, 1:] < 0, -100)
    wanted[:, 0] = -100  # the start is given
    return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, label_smoothing=0.02)


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    folder = model_folder()
    model = (folder / MODEL_FILE).read_bytes()
    weights, tokens = arrays_of(memoryview(model)), Tokens(folder / "tokenizer.json")
    encoder, decoder = Encoder(weights), FrozenDecoder(weights)
    if options.resume:
        encoder.load_state_dict(torch.load(options.state, weights_only=True))
    book = Phrasebook(spoken_presets(load_library()))
    said = utterances(grammar.build(book), options.seed)
    pool = [each for each in itertools.islice(said, options.utterances)
            if speak(each.spoken, each.voice).size < LONGEST_S * RATE_HZ]  # fmt: skip
    print(f"{len(pool)} of {options.utterances} phrases are short enough", flush=True)
    end, start = (tokens.special(f"<|{name}|>") for name in ("endoftext", "notimestamps"))
    decoder.keep({end, start, *(token for each in pool for token in tokens.encode(each.written))})
    lora = [*encoder.down.parameters(), *encoder.up.parameters()]
    optimizer = torch.optim.AdamW([{"params": lora, "lr": 1e-3}, {"params": encoder.conv.parameters(), "lr": 1e-4}],
                                  weight_decay=0.01, betas=(0.9, 0.98))  # fmt: skip
    rates = [group["lr"] for group in optimizer.param_groups]
    began, losses = time.monotonic(), []
    for step, (mel, rows) in enumerate(batches(pool, tokens, options.seed + 1)):
        share = (time.monotonic() - began) / (60 * options.minutes)
        if share >= 1:
            break
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * min((step + 1) / 30, 1, max(1.15 * (1 - share), 0.02))
        loss = loss_of(encoder, decoder, mel, rows)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 10 == 0:
            print(f"step {step} {share:.0%} loss {np.mean(losses[-10:]):.3f}", flush=True)
        if step % 50 == 49:
            save(encoder, options)
    save(encoder, options)


def save(encoder: Encoder, options: argparse.Namespace) -> None:
    """The state to go on from, and the file that the engine reads."""
    torch.save(encoder.state_dict(), options.state)
    adapter.save(options.out, *encoder.change())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--utterances", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, required=True, help="where to keep what --resume goes on from")
    parser.add_argument("--out", type=Path, default=adapter.FILE)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
