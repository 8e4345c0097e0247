# SPDX-License-Identifier: Apache-2.0
"""The weights file: what is written comes back, and every way it can be bad has its own clear error."""
import numpy as np
import pytest

from mirage_lsd.worker.models import weights
from mirage_lsd.worker.models.config import ARCHITECTURE
from mirage_lsd.worker.models.weights import WeightsError, load_weights, save_weights


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(1, np.float32)}, path)
    return path


def code_of(path):
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    assert str(path) in str(caught.value)
    return caught.value.code


def test_round_trip(file):
    tensors = load_weights(file)
    np.testing.assert_array_equal(tensors["a"], np.arange(6).reshape(2, 3))
    assert tensors["a"].dtype == np.float32


def test_missing(tmp_path):
    assert code_of(tmp_path / "none.safetensors") == "weights_missing"


@pytest.mark.parametrize("keep", [0, 5, 9, 40, -1])
def test_truncated(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    assert code_of(file) == "weights_truncated"


def test_garbage(file):
    file.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00" + b"not json at all." * 4)
    assert code_of(file) == "weights_truncated"


def test_other_architecture(file, monkeypatch):
    monkeypatch.setattr(weights, "ARCHITECTURE", ARCHITECTURE + "-next")
    assert code_of(file) == "weights_architecture"


def test_the_safetensors_package_reads_it_and_bytes_are_reproducible(file, tmp_path):
    from safetensors.numpy import load_file

    np.testing.assert_array_equal(load_file(file)["a"], np.arange(6).reshape(2, 3))
    again = tmp_path / "again.safetensors"
    save_weights(load_weights(file), again)
    assert again.read_bytes() == file.read_bytes()
