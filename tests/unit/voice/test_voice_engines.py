# SPDX-License-Identifier: Apache-2.0
"""The engines' own parts: the model file, the tokens, our decoder against CTranslate2's, pronunciations, messages."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from mirage_lsd.shared.messages.voice_lines import Understood
from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice import grammar
from mirage_lsd.worker.senses.voice.engines import adapter, whisper_files
from mirage_lsd.worker.senses.voice.engines.engine_sphinx import SphinxEngine
from mirage_lsd.worker.senses.voice.engines.engine_whisper import WhisperEngine
from mirage_lsd.worker.senses.voice.engines.log_mel import log_mel
from mirage_lsd.worker.senses.voice.engines.pronunciation import pronunciations
from mirage_lsd.worker.senses.voice.engines.token_graph import TokenGraph, written_forms
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.intents import Phrasebook, SpokenPreset, spoken_presets
from mirage_lsd.worker.senses.voice.listener import Listener, Manner
from mirage_lsd.worker.train.voice.speech import TUNING_VOICES, Voice, pcm16, speak

BOOK = Phrasebook((SpokenPreset("forest", ("Forest",)), SpokenPreset("cyberpunk", ("Cyberpunk zorblax",))))


@pytest.fixture(scope="module")
def whisper() -> WhisperEngine:
    return WhisperEngine()


@pytest.fixture(scope="module")
def sphinx() -> SphinxEngine:
    return SphinxEngine()


def code_of(call, *arguments) -> str:
    with pytest.raises(VoiceError) as refused:
        call(*arguments)
    assert str(refused.value)
    return refused.value.code


def test_our_decoder_finds_likely_what_ctranslate2s_writes(whisper) -> None:
    """On speech: the words that CTranslate2's own decoder writes, and as a check the same words in another order."""
    encoded = whisper._encoded(pcm16(speak("I will meet you at the station", TUNING_VOICES[4])))
    picture = whisper._ct2.StorageView.from_array(encoded[None])
    theirs = whisper._encoder.generate(picture, [whisper._start], beam_size=1)[0].sequences_ids[0]
    assert mean_log(whisper, encoded, theirs) > -1.5
    assert mean_log(whisper, encoded, theirs[::-1]) < -4.0


def mean_log(whisper: WhisperEngine, encoded: np.ndarray, tokens: list[int]) -> float:
    """How likely our decoder finds the tokens, on average."""
    columns = whisper._decoder.restrict(set(tokens))
    sound = whisper._decoder.attend_to(encoded)
    beams, total = whisper._decoder.step(np.array([whisper._start]), sound, None), 0.0
    for token in tokens:
        logs = whisper._decoder.log_probabilities(beams)[0]
        assert np.logaddexp.reduce(logs) == pytest.approx(0.0, abs=1e-3)
        total += float(logs[columns[token]])
        beams = whisper._decoder.step(np.array([[token]]), sound, beams)
    return total / len(tokens)


def test_one_token_at_a_time_is_the_same_as_all_at_once(whisper: WhisperEngine) -> None:
    decoder = whisper._decoder
    sound = decoder.attend_to(np.random.default_rng(0).standard_normal((50, 384)).astype(np.float32))
    tokens = [*whisper._start, *whisper._tokens.encode(" red leather jacket")]
    at_once = decoder.step(np.array([tokens]), sound, None)
    beams = decoder.step(np.array([tokens[:2]]), sound, None)
    for token in tokens[2:]:
        beams = decoder.step(np.array([[token], [5]]), sound, beams.pick([0, 0])).pick([0])
    assert np.allclose(beams.hidden, at_once.hidden, atol=1e-3)


def test_silence_and_noise_are_no_command(whisper: WhisperEngine) -> None:
    whisper.use(BOOK, grammar.build(BOOK))
    noise = (np.random.default_rng(1).standard_normal(24_000) * 3000).astype(np.int16)
    for sound in (np.zeros(16_000, np.int16), noise):
        heard = whisper.finish(sound)
        assert heard is None or heard.confidence < 0.5 * whisper.threshold


QUIET = (np.random.default_rng(0).standard_normal(19_200) * 16).astype(np.int16)
SLOW = (Voice("espeak", "en-us+f3", 150, 60), Voice("espeak", "en-us", 150, 50))


@pytest.mark.parametrize("speaker", SLOW, ids=lambda one: one.name)
@pytest.mark.parametrize("command", ["turn off", "turn on", "sci-fi"])
def test_a_pause_after_the_wake_word_is_no_command(whisper: WhisperEngine, speaker: Voice, command: str) -> None:
    """In the pause "Mirage," sounds like "Mirage, tee" to the engine."""
    listener = Listener(whisper)
    listener.use(spoken_presets(load_library()), Manner("mirage", whisper.threshold, 0))
    sound = pcm16(speak(f"Mirage, {command}", speaker))
    events = listener.hear(np.concatenate([QUIET, sound, QUIET]))
    assert [event.text for event in events if isinstance(event, Understood)] == [command]


def test_text_becomes_tokens_and_text_again(whisper: WhisperEngine) -> None:
    for text in (" red leather jacket", " t-shirt", " Mirage, number 21.", " zorblax", " été", " куртка"):
        tokens = whisper._tokens.encode(text)
        assert whisper._tokens.decode(tokens) == text
    assert len(whisper._tokens.encode(" leather")) == 1  # merged, not spelled letter by letter


def test_the_token_graph_spells_sentences_and_nothing_else(whisper: WhisperEngine) -> None:
    graph = TokenGraph(grammar.build(BOOK), whisper._tokens.encode)

    def ends_after(text: str) -> bool:
        state = graph.start
        for token in whisper._tokens.encode(text):
            if token not in graph.after(state):
                return False
            state = graph.after(state)[token]
        return graph.ends(state)

    for said in (" forest", " number 2", " jacket in dark green", " wear a gray T-shirt", " cyberpunk zorblax"):
        assert ends_after(said), said
    for wrong in (" for", " number 9", " jacket in", " forest forest", " banana"):
        assert not ends_after(wrong), wrong


def test_numbers_and_colours_have_their_written_forms() -> None:
    assert set(written_forms("number twenty one")) == {"number twenty one", "number 21"}
    assert "gray t shirt" in written_forms("grey t-shirt")


def test_the_picture_of_a_tone_is_brightest_at_its_pitch() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    picture = log_mel(tone)
    assert picture.shape == (80, 100)
    assert int(picture[:, 50].argmax()) == pytest.approx(25, abs=2)  # 1 kHz is a third of the way up the mel scale


def test_a_model_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    assert code_of(whisper_files.model_folder, str(tmp_path)) == "model_missing"
    for content in (b"", b"\6\0\0\0", struct.pack("<IH8sII", 6, 8, b"NotThis\0", 1, 1), b"\xff" * 100):
        assert code_of(whisper_files.arrays_of, memoryview(content)) == "model_bad"


def test_the_adapter_changes_what_it_names_and_nothing_else() -> None:
    model = (whisper_files.model_folder() / whisper_files.MODEL_FILE).read_bytes()
    before, after = (whisper_files.arrays_of(memoryview(data)) for data in (model, adapter.adapted(model)))
    changed = {name for name in before if before[name].tobytes() != after[name].tobytes()}
    assert changed == set(adapter.changes())
    assert all(name.startswith("encoder/") or "/attention/" in name for name in changed)


def test_an_adapter_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wrong.safetensors"
    adapter.save(file, {}, {"encoder/conv1/weight": np.zeros((3, 3))})
    model = (whisper_files.model_folder() / whisper_files.MODEL_FILE).read_bytes()
    assert code_of(adapter.adapted, model, file) == "model_bad"


def test_sphinx_takes_every_shipped_phrase_and_another_list_in_place(sphinx: SphinxEngine) -> None:
    library = Phrasebook(spoken_presets(load_library()))
    sphinx.use(library, grammar.build(library))
    remarks = sphinx.use(BOOK, grammar.build(BOOK))
    assert any("zorblax" in remark for remark in remarks)
    assert not any("forest" in remark for remark in remarks)
    sphinx.begin()
    sphinx.feed(np.zeros(16_000, np.int16))
    heard = sphinx.finish(np.zeros(16_000, np.int16))
    assert heard is None or heard.confidence < 0.9


def test_sphinx_leaves_out_what_it_cannot_pronounce_and_hears_the_rest(sphinx: SphinxEngine) -> None:
    book = Phrasebook((SpokenPreset("forest", ("Forest",)), SpokenPreset("past", ("Year 2049",))))
    remarks = sphinx.use(book, grammar.build(book))
    assert any("'2049'" in remark for remark in remarks)
    assert not any("forest" in remark for remark in remarks)


def test_a_phrase_of_another_language_is_remarked_on_by_a_model_of_english(whisper: WhisperEngine) -> None:
    book = Phrasebook((SpokenPreset("forest", ("Forest",)), SpokenPreset("ete", ("Robe d’été",))))
    remarks = whisper.use(book, grammar.build(book))
    assert len(remarks) == 1
    assert "robe d'été" in remarks[0]


DICTIONARY = {"cyber": "S AY B ER", "punk": "P AH NG K", "wolf": "W UH L F", "sci": "S AY", "fi": "F AY"}


@pytest.mark.parametrize(
    ("word", "phones"),
    [("cyberpunk", "S AY B ER P AH NG K"), ("wolfs", "W UH L F Z"), ("sci-fi", "S AY F AY"), ("gloom", "G L UW M"),
     ("blade", "B L EY D"), ("knight", "N AY T"), ("dragon", "D R AE G AA N"), ("hoodie", "HH UH D IY")],
)
def test_unknown_words_get_a_pronunciation(word: str, phones: str) -> None:
    assert pronunciations(word, DICTIONARY.get)[0] == phones


def test_what_has_no_letters_cannot_be_pronounced() -> None:
    assert code_of(pronunciations, "8-bit", DICTIONARY.get) == "bad_phrase"
