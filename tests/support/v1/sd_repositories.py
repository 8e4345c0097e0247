# SPDX-License-Identifier: Apache-2.0
"""Small stand-ins for the repositories that v1 names, laid out file by file as these are on the hub.

The nets are diffusers' and transformers' own at tiny size; every config.json has the keys of the real one, the
tokenizer is vocab.json and merges.txt, and beside them lies what must not be fetched.
"""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

diffusers.utils.logging.disable_progress_bar()

MERGES = ("r e", "re d</w>", "j a", "ja c", "k e", "ke t</w>", "jac ket</w>", "a t</w>", "i n", "in g</w>", "t h",
          "th e</w>")
START, END = "<|startoftext|>", "<|endoftext|>"

UNET_LCM = {
    "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.22.0.dev0", "act_fn": "silu",
    "addition_embed_type": None, "addition_embed_type_num_heads": 64, "addition_time_embed_dim": None,
    "attention_head_dim": 8, "attention_type": "default", "block_out_channels": [32, 32, 64, 64],
    "center_input_sample": False, "class_embed_type": None, "class_embeddings_concat": False, "conv_in_kernel": 3,
    "conv_out_kernel": 3, "cross_attention_dim": 32, "cross_attention_norm": None,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "downsample_padding": 1, "dropout": 0.0,
    "dual_cross_attention": False, "encoder_hid_dim": None, "encoder_hid_dim_type": None, "flip_sin_to_cos": True,
    "freq_shift": 0, "in_channels": 4, "layers_per_block": 2, "mid_block_only_cross_attention": None,
    "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-05,
    "norm_num_groups": 32, "num_attention_heads": None, "num_class_embeds": None, "only_cross_attention": False,
    "out_channels": 4, "projection_class_embeddings_input_dim": None, "resnet_out_scale_factor": 1.0,
    "resnet_skip_time_act": False, "resnet_time_scale_shift": "default", "reverse_transformer_layers_per_block": None,
    "sample_size": 64, "time_cond_proj_dim": 256, "time_embedding_act_fn": None, "time_embedding_dim": None,
    "time_embedding_type": "positional", "timestep_post_act": None, "transformer_layers_per_block": 1,
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3, "upcast_attention": None,
    "use_linear_projection": False,
}
UNET_TURBO = {
    **UNET_LCM, "_diffusers_version": "0.24.0.dev0", "_name_or_path": "", "attention_head_dim": [1, 2, 2, 2],
    "block_out_channels": [64, 128, 128, 128], "cross_attention_dim": 64, "time_cond_proj_dim": None,
    "upcast_attention": None, "use_linear_projection": True,
}
SCHEDULER_LCM = {
    "_class_name": "LCMScheduler", "_diffusers_version": "0.22.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "clip_sample_range": 1.0,
    "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 1000, "original_inference_steps": 50,
    "prediction_type": "epsilon", "rescale_betas_zero_snr": False, "sample_max_value": 1.0, "set_alpha_to_one": True,
    "steps_offset": 0, "thresholding": False, "timestep_spacing": "leading", "trained_betas": None,
}
SCHEDULER_TURBO = {
    "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.24.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "interpolation_type": "linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "trailing", "trained_betas": None,
    "use_karras_sigmas": False,
}
TEXT_CLIP = {
    "_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"], "attention_dropout": 0.0,
    "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 32,
    "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 64, "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 4, "num_hidden_layers": 3,
    "pad_token_id": 1, "projection_dim": 768, "torch_dtype": "float32", "transformers_version": "4.34.0.dev0",
    "vocab_size": 1024,
}
TEXT_TURBO = {
    **TEXT_CLIP, "_name_or_path": "", "hidden_act": "gelu", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 5, "projection_dim": 512, "torch_dtype": "float16",
}


def lcm_dreamshaper(folder: Path) -> Path:
    """SimianLuo/LCM_Dreamshaper_v7."""
    _unet(folder, UNET_LCM, ("",))
    _text(folder, TEXT_CLIP, ("",), old_names=True)
    _json(folder / "scheduler/scheduler_config.json", SCHEDULER_LCM)
    tokenizer(folder / "tokenizer", pad=END)
    _unwanted(folder, "LCM_Dreamshaper_v7_4k.safetensors", "safety_checker/model.safetensors",
              "vae/diffusion_pytorch_model.safetensors", "feature_extractor/preprocessor_config.json")
    _json(folder / "vae/config.json", {"_class_name": "AutoencoderKL", "latent_channels": 4, "sample_size": 768})
    return _index(folder, "LatentConsistencyModelPipeline", "LCMScheduler")


def lcm_dreamshaper_plain(folder: Path) -> Path:
    """The same without what lies beside it."""
    lcm_dreamshaper(folder)
    for name in ("LCM_Dreamshaper_v7_4k.safetensors", "safety_checker/model.safetensors",
                 "vae/diffusion_pytorch_model.safetensors"):
        (folder / name).unlink()
    return folder


def sd_turbo(folder: Path) -> Path:
    """stabilityai/sd-turbo: whole and half-precision files side by side."""
    _unet(folder, UNET_TURBO, ("", ".fp16"))
    _text(folder, TEXT_TURBO, ("", ".fp16"), old_names=True)
    _json(folder / "scheduler/scheduler_config.json", SCHEDULER_TURBO)
    tokenizer(folder / "tokenizer", pad="!")
    _unwanted(folder, "sd_turbo.safetensors", "vae/diffusion_pytorch_model.safetensors",
              "vae/diffusion_pytorch_model.fp16.safetensors")
    _json(folder / "vae/config.json", {"_class_name": "AutoencoderKL", "latent_channels": 4, "sample_size": 768})
    return _index(folder, "StableDiffusionPipeline", "EulerDiscreteScheduler")


def taesd(folder: Path) -> Path:
    """madebyollin/taesd: AutoencoderTiny as it is, and the two halves in their author's own names."""
    torch.manual_seed(2)
    net = diffusers.AutoencoderTiny()
    net.save_pretrained(folder)
    halves = {half: {} for half in ("encoder", "decoder")}
    for name, value in net.state_dict().items():
        half, _, rest = name.partition(".layers.")
        number, _, inside = rest.partition(".")
        halves[half][f"{int(number) + (half == 'decoder')}.{inside}"] = value  # the decoder's clamp comes first
    for half, tensors in halves.items():
        save_file(tensors, folder / f"taesd_{half}.safetensors")
    return folder


def tokenizer(folder: Path, pad: str) -> Path:
    """CLIP's files with a few words: all bytes, all bytes at a word's end, the merged ones, start and end."""
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + index) for index in range(256 - len(letters))]
    ends, merged = [f"{letter}</w>" for letter in letters], [merge.replace(" ", "") for merge in MERGES]
    words = [*letters, *ends, *merged, START, END]
    _json(folder / "vocab.json", {word: number for number, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    special = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    tokens = {"bos_token": {"content": START, **special}, "eos_token": {"content": END, **special}, "pad_token": pad,
              "unk_token": {"content": END, **special}}
    _json(folder / "special_tokens_map.json", tokens)
    added = {name: value if isinstance(value, str) else {"__type": "AddedToken", **value}
             for name, value in tokens.items()}
    _json(folder / "tokenizer_config.json", {
        **added, "add_prefix_space": False, "do_lower_case": True, "errors": "replace", "model_max_length": 77,
        "name_or_path": "openai/clip-vit-large-patch14", "special_tokens_map_file": "./special_tokens_map.json",
        "tokenizer_class": "CLIPTokenizer"})
    return folder


def _unet(folder: Path, config: dict, variants: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    net = diffusers.UNet2DConditionModel(**{name: value for name, value in config.items() if name[0] != "_"})
    _save(net.state_dict(), folder / "unet/diffusion_pytorch_model", variants)
    _json(folder / "unet/config.json", config)


def _text(folder: Path, config: dict, variants: tuple[str, ...], old_names: bool) -> None:
    torch.manual_seed(1)
    left_out = ("architectures", "torch_dtype", "model_type", "transformers_version", "_name_or_path")
    net = CLIPTextModel(CLIPTextConfig(**{name: value for name, value in config.items() if name not in left_out}))
    tensors = {f"text_model.{name.removeprefix('text_model.')}": value for name, value in net.state_dict().items()}
    if old_names:  # transformers 4 kept this buffer in the file
        tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    _save(tensors, folder / "text_encoder/model", variants)
    _json(folder / "text_encoder/config.json", config)


def _save(tensors: dict, stem: Path, variants: tuple[str, ...]) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    for variant in variants:
        kept = {name: value.half() if variant and value.is_floating_point() else value.contiguous()
                for name, value in tensors.items()}
        save_file(kept, f"{stem}{variant}.safetensors")


def _unwanted(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"this must not be fetched")


def _index(folder: Path, pipeline: str, scheduler: str) -> Path:
    _json(folder / "model_index.json", {
        "_class_name": pipeline, "_diffusers_version": "0.22.0.dev0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"], "requires_safety_checker": True,
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "scheduler": ["diffusers", scheduler],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})
    return folder


def _json(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def bin_only(folder: Path) -> Path:
    """The same repository before safetensors: pickled weights only."""
    for path in [*folder.rglob("*.safetensors")]:
        torch.save(load_file(path), path.with_name(path.name.replace("model.safetensors", "model.bin")
                                                   if path.parent.name == "unet" else "pytorch_model.bin"))
        path.unlink()
    return folder
