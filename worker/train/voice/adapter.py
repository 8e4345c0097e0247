# SPDX-License-Identifier: Apache-2.0
"""Trains the adapter: a small change to Whisper tiny.en that helps it hear commands, in noise and by any voice.

    python -m mirage_lsd.worker.train.voice.adapter --minutes 50 --state FILE

Run by hand by a developer; needs torch, espeak-ng and ffmpeg. What the model learns is in nets.py, what it hears is
utterances.py through sound_of: another microphone, another size of head, noises of 3 … 25 dB. It goes on from the
adapter that is there unless --afresh; stop and start again with --resume. Invariant: nothing is learned from a voice
that is not for training (speech.py).
"""

from __future__ import annotations

import argparse
import itertools
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice import grammar
from mirage_lsd.worker.senses.voice.engines import adapter
from mirage_lsd.worker.senses.voice.engines.log_mel import log_mel
from mirage_lsd.worker.senses.voice.engines.whisper_files import MODEL_FILE, Tokens, arrays_of, model_folder
from mirage_lsd.worker.senses.voice.intents import Phrasebook, spoken_presets
from mirage_lsd.worker.train.voice.nets import Decoder, Encoder
from mirage_lsd.worker.train.voice.noises import ALL_KINDS, noise
from mirage_lsd.worker.train.voice.speech import RATE_HZ, TALKERS, in_noise, speak
from mirage_lsd.worker.train.voice.utterances import Utterance, utterances

NEAR = 400
MAX_SILENCE_S = 0.8
COLUMN_SAMPLES = 320
LONGEST_S = 3.4
BATCH = 12
MAX_TOKENS = 22
KIND_SHARES = (0.22, 0.2, 0.12, 0.12, 0.18, 0.16)  # of ALL_KINDS
TRACKS, TRACK_S = 12, 30  # of each kind of noise; a phrase gets a piece of one
HEAD_SIZES = (0.86, 1.16)
LEARNING_RATES = {"thin": 1e-3, "convolutions": 1e-4}


def sound_of(said: Utterance, rng: np.random.Generator) -> np.ndarray:
    """The phrase as the endpointer cuts it, three times in four within noise."""
    speech = _colored(_resized(speak(said.spoken, said.voice), rng), rng) * np.float32(rng.uniform(0.3, 1.6))
    lead_s, tail_s = rng.uniform(0.15, 0.35), rng.uniform(0.05, 0.3)
    count = speech.size + int((lead_s + tail_s) * RATE_HZ)
    track = _track(str(rng.choice(ALL_KINDS, p=KIND_SHARES)), int(rng.integers(TRACKS)))
    start = int(rng.integers(track.size - count))
    snr_db = rng.uniform(3, 25) if rng.random() < 0.75 else 50.0
    mixed, _ = in_noise(speech, track[start : start + count], snr_db, lead_s)
    return np.clip(mixed, -1, 1)


@cache
def _track(kind: str, number: int) -> np.ndarray:
    return noise(kind, TRACK_S * RATE_HZ, 1000 + number, TALKERS)


def _resized(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As a larger or smaller head would say it, two times in three: pitch and formants by up to a sixth."""
    if rng.random() < 1 / 3:
        return speech
    count = int(speech.size * rng.uniform(*HEAD_SIZES))
    return np.interp(np.linspace(0, speech.size - 1, count), np.arange(speech.size), speech).astype(np.float32)


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
        rows = [[*start, *tokens.encode(said.written), end][:MAX_TOKENS] for said in chosen]
        width = max(map(len, rows))
        yield torch.tensor(mel), torch.tensor([row + [-100] * (width - len(row)) for row in rows])


class Training:
    """The two nets, their optimizer, and their way to the disk and back."""

    def __init__(self, options: argparse.Namespace, weights: dict[str, np.ndarray]) -> None:
        self._options = options
        self.encoder, self.decoder = Encoder(weights), Decoder(weights)
        thin = [parameter for net in (self.encoder, self.decoder) for part in (net.up, net.down)
                for parameter in part.values()]  # fmt: skip
        groups = {"thin": thin, "convolutions": list(self.encoder.conv.values())}
        self._optimizer = torch.optim.AdamW(
            [{"params": groups[name], "lr": rate} for name, rate in LEARNING_RATES.items()],
            weight_decay=0.01, betas=(0.9, 0.98),
        )  # fmt: skip
        self._parts = {"encoder": self.encoder, "decoder": self.decoder, "optimizer": self._optimizer}
        if options.resume:
            state = torch.load(options.state, weights_only=True)
            for name, part in self._parts.items():
                part.load_state_dict(state[name])
        elif not options.afresh:
            self._start_from(*adapter.load())

    def _start_from(self, thin: dict[str, adapter.Thin], whole: dict[str, np.ndarray]) -> None:
        self.encoder.start_from(thin)
        self.decoder.start_from(thin)
        with torch.no_grad():
            for number, change in self.encoder.conv.items():
                change.copy_(torch.tensor(whole[f"encoder/conv{number}/weight"]))

    def step(self, mel: torch.Tensor, rows: torch.Tensor, share: float) -> float:
        """One step at a share of the whole way; returns the loss."""
        for group, rate in zip(self._optimizer.param_groups, LEARNING_RATES.values(), strict=True):
            group["lr"] = rate * share
        loss = self._loss(mel, rows)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*self.encoder.parameters(), *self.decoder.parameters()], 1.0)
        self._optimizer.step()
        return loss.item()

    def _loss(self, mel: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        logits = self.decoder(rows[:, :-1].clamp(min=0), self.encoder(mel))
        wanted = torch.searchsorted(self.decoder.kept, rows[:, 1:].clamp(min=0)).masked_fill(rows[:, 1:] < 0, -100)
        wanted[:, 0] = -100  # the start is given
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, label_smoothing=0.02)

    def save(self) -> None:
        """The state to go on from, and the file that the engine reads."""
        torch.save({name: part.state_dict() for name, part in self._parts.items()}, self._options.state)
        adapter.save(self._options.out, self.encoder.thin() | self.decoder.thin(), self.encoder.whole())


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    folder = model_folder()
    tokens = Tokens(folder / "tokenizer.json")
    training = Training(options, arrays_of(memoryview((folder / MODEL_FILE).read_bytes())))
    said = utterances(grammar.build(Phrasebook(spoken_presets(load_library()))), options.seed)
    pool = [each for each in itertools.islice(said, options.utterances)
            if speak(each.spoken, each.voice).size < LONGEST_S * RATE_HZ]  # fmt: skip
    print(f"{len(pool)} of {options.utterances} phrases are short enough", flush=True)
    end, start = (tokens.special(f"<|{name}|>") for name in ("endoftext", "notimestamps"))
    training.decoder.keep({end, start, *(token for each in pool for token in tokens.encode(each.written))})
    began, losses = time.monotonic(), []
    for step, (mel, rows) in enumerate(batches(pool, tokens, options.seed + 1)):
        done = (time.monotonic() - began) / (60 * options.minutes)
        if done >= 1:
            break
        losses.append(training.step(mel, rows, min((step + 1) / 30, 1, max(1.15 * (1 - done), 0.02))))
        if step % 10 == 0:
            print(f"step {step} {done:.0%} loss {np.mean(losses[-10:]):.3f}", flush=True)
        if step % 50 == 49:
            training.save()
    training.save()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--utterances", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, required=True, help="where to keep what --resume goes on from")
    parser.add_argument("--out", type=Path, default=adapter.FILE)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--afresh", action="store_true", help="start from Whisper as it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
