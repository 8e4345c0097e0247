# SPDX-License-Identifier: Apache-2.0
"""The encoder that the adapter is trained in computes what CTranslate2 computes from the same model file."""

from __future__ import annotations

import ctranslate2
import numpy as np
import torch

from mirage_lsd.worker.senses.voice.engines.log_mel import log_mel
from mirage_lsd.worker.senses.voice.engines.whisper_files import MODEL_FILE, arrays_of, model_folder
from mirage_lsd.worker.train.voice.nets import Encoder


def test_the_trained_encoder_is_the_one_that_runs() -> None:
    folder = model_folder()
    ours = Encoder(arrays_of(memoryview((folder / MODEL_FILE).read_bytes())))
    theirs = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="float32", intra_threads=1)
    time_s = np.arange(32_000) / 16_000
    mel = log_mel((0.1 * np.sin(2 * np.pi * 300 * time_s * (1 + time_s))).astype(np.float32))[None]
    with torch.no_grad():
        mine = ours(torch.from_numpy(mel)).numpy()
    view = theirs.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel)), to_cpu=True)
    assert np.abs(mine - np.array(view)).max() < 0.02 * np.abs(mine).max()
