# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd models`: list the checkpoints that v1 knows, fetch one ahead of use, check one on disk.

Called by the command line. Asks before anything under a licence that restricts use is fetched.
"""
from __future__ import annotations

import argparse
import sys

from mirage_lsd.worker.v1.checkpoint.licences import accepted
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.checkpoint.places import models_dir
from mirage_lsd.worker.v1.checkpoint.registry import DEFAULT_MODEL, KNOWN_MODELS

_BYTES_PER_MB = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands of `mirage-lsd models`."""
    commands = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    commands.add_parser("list", help="known checkpoints and their licences")
    for name, text in (("get", "fetch a checkpoint and all it needs, and try it"),
                       ("check", "try a checkpoint that is on this computer, without a network")):
        command = commands.add_parser(name, help=text)
        command.add_argument("model", nargs="?", default=DEFAULT_MODEL, help="known name, folder, file or hub id")
        command.add_argument("--lora", default="", help="lcm-lora, a LoRA file or a hub id to lay on it")
        command.add_argument("--autoencoder", default=ModelRequest().autoencoder, help="a tiny autoencoder")


def run(options: argparse.Namespace) -> int:
    """One of the subcommands."""
    if options.what == "list":
        return _list()
    from mirage_lsd.worker.v1.checkpoint.hub import Hub

    hub = Hub(offline=options.what == "check", progress=_show)
    model = load_v1(ModelRequest(options.model, lora=options.lora, autoencoder=options.autoencoder), hub, _ask)
    print(f"{model.info.name}: whole, {sum(value.numel() for value in model.unet.parameters()) / 1e6:.0f} million "
          f"parameters, schedule {model.schedule.kind}, fingerprint {model.info.fingerprint}")
    for note in model.info.notes:
        print(note)
    return 0


def _list() -> int:
    yes = accepted(models_dir())
    for model in KNOWN_MODELS:
        asked = " (accepted)" if model.repo in yes else " (asks before fetching)" if model.must_accept else ""
        print(f"{model.name}\n  {model.summary}\n  {model.repo}, {model.licence}{asked}\n  {model.licence_url}")
    return 0


def _ask(text: str) -> bool:
    """Shows a licence and asks; without a terminal the answer is no."""
    print(text)
    if not sys.stdin.isatty():
        return False
    return input("\nAccept this licence? Type yes: ").strip().lower() == "yes"


def _show(name: str, done: int, whole: int) -> None:
    end = "\n" if done >= whole else "\r"
    print(f"{name}  {done / _BYTES_PER_MB:.1f} of {whole / _BYTES_PER_MB:.1f} MB", end=end, flush=True)
