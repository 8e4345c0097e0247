# SPDX-License-Identifier: Apache-2.0
"""The repositories that v1 names, in exactly their files' names and keys, from a hub on localhost: what is fetched,
and that the nets, the words and the noise are diffusers' and transformers' own."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import sd_repositories as repositories
from hub_server import HubServer
from safetensors.torch import load_file, save_file

from mirage_lsd.worker.hosts import v1_model
from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.graphs.config import TEMPORAL_OFF
from mirage_lsd.worker.v1.nets.text import ClipTokens, encode_prompt

LCM, TURBO, TAESD = "SimianLuo/LCM_Dreamshaper_v7", "stabilityai/sd-turbo", "madebyollin/taesd"
LORA = "latent-consistency/lcm-lora-sdv1-5"
LORA_LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
               "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj")


@pytest.fixture(scope="module")
def repos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {LCM: repositories.lcm_dreamshaper, TURBO: repositories.sd_turbo, TAESD: repositories.taesd}
    return {name: make(tmp_path_factory.mktemp("repo")) for name, make in made.items()}


@pytest.fixture
def server(repos: dict[str, Path]):
    found = HubServer(dict(repos))
    yield found
    found.close()


def fetched(server: HubServer) -> set[str]:
    """OWNER/NAME/path of every file that was asked for."""
    return {re.sub("/resolve/[^/]+", "", path).lstrip("/") for _, path, _ in server.requests if "/resolve/" in path}


def test_the_default_is_read_as_it_lies_on_the_hub(server: HubServer, repos, tmp_path: Path) -> None:
    model = load_v1(ModelRequest(temporal=TEMPORAL_OFF), Hub(tmp_path, endpoint=server.url))
    assert fetched(server) == {
        *(f"{LCM}/{name}" for name in (
            "model_index.json", "scheduler/scheduler_config.json", "vae/config.json", "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors", "text_encoder/config.json", "text_encoder/model.safetensors",
            "tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json",
            "tokenizer/special_tokens_map.json")),
        f"{TAESD}/config.json", f"{TAESD}/diffusion_pytorch_model.safetensors"}
    assert (model.schedule.kind, model.schedule.original_steps, model.config.guidance) == ("lcm", 50, 256)
    reference = diffusers.UNet2DConditionModel.from_pretrained(repos[LCM] / "unet").eval()
    latent, tokens, guidance = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 32), torch.randn(1, 256)
    with torch.inference_mode():
        wanted = reference(latent, 499, tokens, timestep_cond=guidance, return_dict=False)[0]
        found = model.unet(latent, torch.tensor([499.0]), tokens, guidance)[0]
    assert (wanted - found).abs().max() < 1e-4 and wanted.abs().max() > 0.1
    assert_same_words(model, repos[LCM])
    coder = diffusers.AutoencoderTiny.from_pretrained(repos[TAESD])
    with torch.inference_mode():
        assert (coder.decoder(latent) / 2 + 0.5 - model.autoencoder.decode_raw(latent)).abs().max() < 1e-4


def test_sd_turbo_in_half_precision_is_its_half_precision_files(server: HubServer, repos, tmp_path: Path) -> None:
    hub = Hub(tmp_path, endpoint=server.url)
    model = load_v1(ModelRequest("sd-turbo", dtype="float16", temporal=TEMPORAL_OFF), hub, ask=lambda text: True)
    weights = {name for name in fetched(server) if name.endswith(".safetensors") and name.startswith(TURBO)}
    assert weights == {f"{TURBO}/unet/diffusion_pytorch_model.fp16.safetensors",
                       f"{TURBO}/text_encoder/model.fp16.safetensors"}
    assert (model.schedule.kind, model.config.heads, model.config.linear_projection) == ("ddim", (1, 2, 2, 2), True)
    assert sum(name.endswith("mlp.fc1.weight") for name in model.text.state_dict()) == 5, "layers of the text encoder"
    reference = diffusers.UNet2DConditionModel.from_pretrained(repos[TURBO] / "unet", variant="fp16").float().eval()
    latent, tokens = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 64)
    with torch.inference_mode():
        wanted = reference(latent, 999, tokens, return_dict=False)[0]
        found = model.unet.float()(latent, torch.tensor([999.0]), tokens)[0]
    assert (wanted - found).abs().max() < 1e-4 and wanted.abs().max() > 0.1
    ids = ClipTokens(model.tokenizer)("red").ids[0]
    assert ids[0] != 0 and set(ids[3:].tolist()) == {0}, "SD 2's tokenizer pads with '!', which is number 0"


def assert_same_words(model, folder: Path) -> None:
    """Ids by CLIP's rules, written down anew here, and the text encoder's answer to them."""
    from transformers import CLIPTextModel

    words = repositories.tokenizer(folder.parent / "words", "<|endoftext|>")
    for prompt in ("Red jacket at the sea", "a  painting, THE red's jacket! 3 km", "jaja reding ket"):
        ids = ClipTokens(model.tokenizer)(prompt).ids
        wanted = clip_ids(prompt, words)
        assert ids[0, : len(wanted)].tolist() == wanted, prompt
        assert set(ids[0, len(wanted) - 1 :].tolist()) == {wanted[-1]}, "padded with the end"
        text = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
        with torch.inference_mode():
            answer = text(torch.from_numpy(ids)).last_hidden_state
        assert (encode_prompt(model.text, ids) - answer).abs().max() < 1e-5


def clip_ids(prompt: str, folder: Path) -> list[int]:
    """CLIP's byte pair encoding of plain ASCII text."""
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    ranks = {tuple(merge.split()): rank for rank, merge in enumerate(repositories.MERGES)}
    ids = [vocabulary["<|startoftext|>"]]
    for word in re.findall(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+", prompt.lower()):
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            best = min(zip(parts, parts[1:], strict=False), key=lambda pair: ranks.get(pair, 10**9))
            if best not in ranks:
                break
            place = next(i for i in range(len(parts) - 1) if (parts[i], parts[i + 1]) == best)
            parts[place : place + 2] = ["".join(best)]
        ids += [vocabulary[part] for part in parts]
    return [*ids, vocabulary["<|endoftext|>"]]


def test_pickled_weights_are_refused_before_anything_large_comes(tmp_path: Path) -> None:
    folder = repositories.bin_only(repositories.lcm_dreamshaper_plain(tmp_path / "old"))
    server = HubServer({"someone/old": folder})
    try:
        for reference in (str(folder), "someone/old"):
            with pytest.raises(CheckpointError, match=r"pickled \.bin weights, which can run code") as refused:
                load_v1(ModelRequest(reference), Hub(tmp_path / "models", endpoint=server.url))
            assert refused.value.code == "checkpoint_missing_file"
        assert fetched(server) == set()
    finally:
        server.close()


def lcm_lora(unet: torch.nn.Module, path: Path, rank: int = 4) -> dict:
    """latent-consistency/lcm-lora-sdv1-5: lora_unet_* for every layer it has there, half precision, alpha."""
    torch.manual_seed(5)
    tensors = {}
    for name, layer in unet.named_modules():
        if not name.endswith(LORA_LAYERS) or not isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            continue
        stem, weight = f"lora_unet_{name.replace('.', '_')}", layer.weight
        tensors[f"{stem}.alpha"] = torch.tensor(rank / 2, dtype=torch.float16)
        tensors[f"{stem}.lora_down.weight"] = torch.randn(rank, *weight.shape[1:]).half() * 0.1
        tensors[f"{stem}.lora_up.weight"] = torch.randn(weight.shape[0], rank, *([1] * (weight.ndim - 2))).half() * 0.1
    save_file(tensors, path)
    return tensors


def test_lcm_lora_is_laid_on_any_checkpoint_by_its_name(server: HubServer, repos, tmp_path: Path, monkeypatch) -> None:
    """"CHECKPOINT + lcm-lora", as a user writes it in the filter, in run or in the SDK; the sum is worked out anew."""
    plain = diffusers.UNet2DConditionModel.from_pretrained(repos[LCM] / "unet")
    folder = tmp_path / "lora"
    folder.mkdir()
    tensors = lcm_lora(plain, folder / "pytorch_lora_weights.safetensors")
    server.repos[LORA] = folder
    monkeypatch.setattr(v1_model, "Hub", partial(Hub, tmp_path / "models", server.url))
    model = v1_model.load_model(f"{repos[LCM]} + lcm-lora", torch.device("cpu"), "float32", True, lambda text: None)
    assert f"{LORA}/pytorch_lora_weights.safetensors" in fetched(server)
    before, after = plain.state_dict(), model.unet.state_dict()
    stems = {name.rsplit(".", 1)[0] for name in tensors if name.endswith(".alpha")}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    stem_of = {name: f"lora_unet_{name.removesuffix('.weight').replace('.', '_')}" for name in changed}
    assert len(stems) > 100 and set(stem_of.values()) == stems
    for name, stem in stem_of.items():
        down, up = (tensors[f"{stem}.lora_{side}.weight"].float() for side in ("down", "up"))
        wanted = before[name] + 0.5 * torch.einsum("or,r...->o...", up.flatten(1), down)
        assert (wanted - after[name]).abs().max() < 1e-4, name
    assert model.schedule.kind == "lcm" and "on " in model.info.notes[0]


def test_the_tiny_autoencoder_is_read_in_its_authors_own_names(repos, tmp_path: Path) -> None:
    for half in ("encoder", "decoder"):
        (tmp_path / f"taesd_{half}.safetensors").write_bytes((repos[TAESD] / f"taesd_{half}.safetensors").read_bytes())
    hub = Hub(tmp_path / "models", offline=True)
    request = ModelRequest(str(repos[LCM]), autoencoder=str(tmp_path))
    halves, whole = load_v1(request, hub), load_file(repos[TAESD] / "diffusion_pytorch_model.safetensors")
    found = halves.autoencoder.state_dict()
    assert set(found) == set(whole) and all(torch.equal(found[name], whole[name]) for name in whole)
