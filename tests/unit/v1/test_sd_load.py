# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in every form that v1 reads, LoRA files, and each way in which one can be bad."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import sd_checkpoints
import sd_layouts
from diffusers.loaders import single_file_utils
from random_checkpoints import unet_description, write_random_checkpoint
from safetensors.torch import load_file, save_file
from sd_files import change, cut, drop
from sd_lora import hooked, lora_tensors

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM, TEMPORAL_OFF, SdConfig, SdConfigError
from mirage_lsd.worker.v1.nets.random_model import random_model
from mirage_lsd.worker.v1.nets.text import ClipTokens, encode_prompt

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Diffusers-format folders by kind."""
    kinds = {"sd15": sd_checkpoints.SMALL_SD15, "sd21": sd_checkpoints.SMALL_SD21, "lcm": sd_checkpoints.SMALL_LCM}
    return {name: sd_checkpoints.write_reference_checkpoint(tmp_path_factory.mktemp(name), config)
            for name, config in kinds.items()}


def load(reference: Path | str, folders: dict[str, Path], **options):
    """Loaded without a network; tokenizer and autoencoder of single files from a folder here."""
    given = {"tokenizer": str(folders["sd15"] / "tokenizer"), "autoencoder": str(folders["sd15"] / "vae"), **options}
    return load_v1(ModelRequest(str(reference), **given), Hub(Path("/nowhere"), offline=True))


def single_file(folder: Path, path: Path, layout: str) -> Path:
    """A folder's nets in one file, in a layout."""
    unet, text = load_file(folder / WEIGHTS), load_file(folder / "text_encoder/model.safetensors")
    if layout == "diffusers":
        tensors = {**{f"unet.{name}": value for name, value in unet.items()},
                   **{f"text_encoder.text_model.{name}": value for name, value in text.items()}}
    else:
        tensors = sd_layouts.original_unet(unet)
        tensors |= sd_layouts.original_clip(text) if layout == "clip" else sd_layouts.original_open_clip(text)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


@pytest.mark.parametrize(("kind", "layout"), [("sd15", "clip"), ("lcm", "clip"), ("sd21", "open_clip"),
                                              ("sd15", "diffusers")])
def test_a_single_file_is_the_folder(folders, tmp_path: Path, kind: str, layout: str) -> None:
    path = single_file(folders[kind], tmp_path / "model.safetensors", layout)
    whole, one = load(folders[kind], folders), load(path, folders)
    wanted, found = whole.unet.state_dict(), one.unet.state_dict()
    assert set(wanted) == set(found)
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    wanted, found = whole.text.state_dict(), one.text.state_dict()
    assert set(wanted) == set(found)
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_the_original_layout_is_the_one_that_diffusers_reads(folders, tmp_path: Path) -> None:
    """The files of the test above are real Stable Diffusion files: diffusers' own converter reads them the same."""
    unet = load_file(folders["sd15"] / WEIGHTS)
    original = sd_layouts.original_unet(unet)
    config = {"layers_per_block": 2, "class_embed_type": None, "addition_embed_type": None}
    converted = single_file_utils.convert_ldm_unet_checkpoint(dict(original), config)
    assert set(converted) == set(unet)
    assert all(torch.equal(converted[name], unet[name]) for name in unet)


def test_words_become_the_text_encoders_own(folders) -> None:
    from transformers import CLIPTextModel, CLIPTokenizer

    model = load(folders["sd15"], folders)
    text = CLIPTextModel.from_pretrained(folders["sd15"] / "text_encoder")
    ids = CLIPTokenizer.from_pretrained(folders["sd15"] / "tokenizer")(
        "a red jacket", padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    with torch.inference_mode():
        wanted = text(ids).last_hidden_state
    assert torch.equal(encode_prompt(model.text, ClipTokens(model.tokenizer)("a red jacket").ids), wanted)
    assert ClipTokens(model.tokenizer)("word " * 100).dropped > 0


@pytest.mark.parametrize(("layout", "share"), [("kohya", 0.5), ("diffusers", 1.0)])
def test_a_lora_adds_up_of_down(folders, tmp_path: Path, layout: str, share: float) -> None:
    """Against the definition: every changed layer is its old self plus up(down(x)), run as layers of their own."""
    plain = load(folders["sd15"], folders, temporal=TEMPORAL_OFF)
    tensors = lora_tensors(plain.unet, layout)
    path = tmp_path / "lcm-style.safetensors"
    save_file(tensors, path)
    fused = load(folders["sd15"], folders, temporal=TEMPORAL_OFF, lora=str(path), lora_scale=0.8)
    assert fused.schedule.kind == "lcm" and fused.info.fingerprint != plain.info.fingerprint
    stems = sorted({name.rsplit(".lora_", 1)[0] for name in tensors if ".lora_" in name})
    handles = [hooked(plain.unet, stem, tensors, layout, 0.8 * share) for stem in stems]
    latent, tokens = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 32)
    with torch.inference_mode():
        wanted, found = (net.unet(latent, torch.tensor([300.0]), tokens)[0] for net in (plain, fused))
    assert len(handles) == 3 and (wanted - found).abs().max() < 1e-3 * wanted.abs().max()


BAD = {
    "no unet config": (lambda f: drop(f, "unet/config.json"), "checkpoint_missing_file", "unet/config.json"),
    "no unet weights": (lambda f: drop(f, WEIGHTS), "checkpoint_missing_file", "download"),
    "no tokenizer": (lambda f: shutil.rmtree(f / "tokenizer"), "checkpoint_missing_file", "tokenizer"),
    "no text weights": (lambda f: drop(f, "text_encoder/model.safetensors"), "checkpoint_missing_file", "text_enc"),
    "cut weights": (lambda f: cut(f, WEIGHTS), "checkpoint_truncated", "delete it"),
    "cut autoencoder": (lambda f: cut(f, "vae/diffusion_pytorch_model.safetensors"), "checkpoint_truncated", "cut"),
    "cut config": (lambda f: cut(f, "unet/config.json"), "checkpoint_truncated", "config.json"),
    "cut tokenizer": (lambda f: cut(f, "tokenizer/tokenizer.json"), "checkpoint_truncated", "tokenizer"),
    "sdxl": (lambda f: change(f, "unet/config.json", addition_embed_type="text_time"), "sd_architecture", "SDXL"),
    "inpainting": (lambda f: change(f, "unet/config.json", in_channels=9), "sd_architecture", "inpainting"),
    "sd3": (lambda f: change(f, "unet/config.json", _class_name="SD3Transformer2DModel"), "sd_architecture", "SD3"),
    "other widths": (lambda f: change(f, "unet/config.json", block_out_channels=[32, 32, 64, 32]),
                     "checkpoint_mismatch", "tensor"),
    "other noise": (lambda f: change(f, "scheduler/scheduler_config.json", num_train_timesteps=500), "sd_architecture",
                    "scheduler"),
    "sample prediction": (lambda f: change(f, "scheduler/scheduler_config.json", prediction_type="sample"),
                          "sd_architecture", "sample"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_checkpoint_is_told_plainly(folders, tmp_path: Path, name: str) -> None:
    spoil, code, says = BAD[name]
    folder = tmp_path / "checkpoint"
    shutil.copytree(folders["sd15"], folder)
    spoil(folder)
    with pytest.raises(MirageError) as refused:
        load_v1(ModelRequest(str(folder)), Hub(tmp_path / "models", offline=True))
    assert refused.value.code == code and says in str(refused.value)


def test_a_wrong_reference_is_told_plainly(folders, tmp_path: Path) -> None:
    pickled = tmp_path / "model.ckpt"
    pickled.write_bytes(b"anything")
    for reference, code in ((tmp_path / "none.safetensors", "checkpoint_not_found"), (pickled, "checkpoint_unsafe"),
                            ("no such thing", "checkpoint_not_found"), ("a/b/c", "checkpoint_not_found")):
        with pytest.raises(CheckpointError) as refused:
            load(reference, folders)
        assert refused.value.code == code


def test_a_file_of_something_else_is_told_plainly(folders, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"anything": torch.zeros(3)}, path)
    with pytest.raises(SdConfigError, match="no Stable Diffusion U-Net"):
        load(path, folders)


@pytest.mark.parametrize("fault", ["other model", "other size", "half", "no lora", "cut"])
def test_a_wrong_lora_is_told_plainly(folders, tmp_path: Path, fault: str) -> None:
    plain = load(folders["sd15"], folders)
    tensors, path = lora_tensors(plain.unet, "kohya"), tmp_path / "x.safetensors"
    name = next(name for name in tensors if name.endswith("lora_down.weight"))
    if fault == "other model":
        tensors["lora_unet_down_blocks_7_attentions_0_proj_in.lora_down.weight"] = tensors[name].clone()
    elif fault == "other size":
        tensors[name] = torch.zeros(3, 77)
    elif fault == "half":
        del tensors[name]
    elif fault == "no lora":
        tensors = {"anything": torch.zeros(3)}
    save_file(tensors, path)
    if fault == "cut":
        cut(tmp_path, "x.safetensors")
    with pytest.raises(CheckpointError) as refused:
        load(folders["sd15"], folders, lora=str(path))
    assert refused.value.code == ("checkpoint_truncated" if fault == "cut" else "lora_wrong")


def test_a_random_checkpoint_is_the_random_model(tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path, SMALL_RANDOM, seed=4)
    read = load_v1(ModelRequest(str(tmp_path)), Hub(Path("/nowhere"), offline=True))
    made = random_model(SMALL_RANDOM, seed=4)
    wanted, found = made.state_dict(), read.state_dict()
    assert set(wanted) == set(found) and all(torch.equal(wanted[name], found[name]) for name in wanted)
    other = write_random_checkpoint(tmp_path / "other", SMALL_RANDOM, seed=5)
    fingerprints = {load_v1(ModelRequest(str(path)), Hub(Path("/nowhere"), offline=True)).info.fingerprint
                    for path in (tmp_path, other)}
    assert len(fingerprints) == 2


@pytest.mark.parametrize("config", [SMALL_RANDOM, sd_checkpoints.SMALL_SD21], ids=["lcm", "sd21"])
def test_a_config_survives_its_own_description(config: SdConfig) -> None:
    assert SdConfig.from_diffusers(unet_description(config)) == config
