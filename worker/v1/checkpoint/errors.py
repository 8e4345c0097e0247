# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a checkpoint, as errors that say what to do. Each has a working fall-back: LSD-tiny.

Codes: checkpoint_not_found, checkpoint_missing_file, checkpoint_truncated, checkpoint_unsafe, checkpoint_mismatch,
lora_wrong, hub_offline, hub_not_found, hub_refused, hub_failed, hub_checksum, hub_no_space,
licence_not_accepted, package_missing. (sd_architecture is SdConfigError in config.py.)
"""
from __future__ import annotations

from mirage_lsd.shared.errors import MirageError


class CheckpointError(MirageError):
    """A checkpoint or LoRA file cannot be used."""

    code = "checkpoint_error"


class HubError(CheckpointError):
    """Files cannot be fetched from the model hub."""

    code = "hub_failed"
