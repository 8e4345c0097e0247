# SPDX-License-Identifier: Apache-2.0
"""What the lists of the properties window offer, written into the control block for Lua.

Used by the supervisor thread when the presets or the worker change. Invariant: one line an entry, so a label never
holds a tab or a line break.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.obs_script.looks.preset_reader import PresetList
from mirage_lsd.shared.messages.look import KEEP
from mirage_lsd.shared.messages.settings import LAYERS


def publish_devices(block: ControlBlock, devices: Sequence[str], names: Sequence[str]) -> None:
    """Where the models may run, from the worker's Welcome; names: the same for people, where the worker gives them."""
    labels = names if len(names) == len(devices) else devices
    named = [(device, "CPU" if device == "cpu" else _line(label)) for device, label in zip(devices, labels)]
    block.header.put_text("devices", "".join(f"{device}\t{label}\n" for device, label in named if device != "auto"))


def publish_presets(block: ControlBlock, listed: PresetList) -> None:
    """The presets, what they offer for each layer, and where the user's own are."""
    names = [(preset.id, preset.name) for preset in listed.presets.values()]
    block.header.put_text("presets", "".join(f"{preset_id}\t{_line(name)}\n" for preset_id, name in names))
    rows = [(layer, words, _line(label)) for layer in LAYERS for words, label in layer_choices(listed.presets, layer)]
    block.header.put_text("choices", "".join("\t".join(row) + "\n" for row in rows))
    pictured = [known for known in listed.presets if os.path.isfile(os.path.join(listed.thumbnails, f"{known}.jpg"))]
    block.header.put_text("pictures", "\n".join([listed.thumbnails, *pictured, ""]))
    note = f"Your own presets: {listed.user_file}"
    block.header.put_text("presets_note", f"{note}\n{listed.problem}" if listed.problem else note)


def layer_choices(presets: dict, layer: str) -> list[tuple[str, str]]:
    """(words, label) of everything the presets can put on a layer; named after the preset that has nothing else."""
    labels: dict[str, str] = {}
    for preset in presets.values():
        words = getattr(preset, layer)
        if not words or words == KEEP or "\t" in words or "\n" in words:
            continue
        alone = len(preset.layers()) == 1
        if alone or words not in labels:
            labels[words] = preset.name if alone else words[0].upper() + words[1:]
    return list(labels.items())


def _line(text: str) -> str:
    return " ".join(text.split())
