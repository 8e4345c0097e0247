# SPDX-License-Identifier: Apache-2.0
"""What one load of the script makes in the session folder: the control block and the two doorbells.

Made on OBS's UI thread, closed by the supervisor thread. Invariant: the files of an OBS that crashed are swept away
first; nothing of ours is left after close().
"""

from __future__ import annotations

import os
from typing import Callable

from mirage_lsd.obs_script.host import control_block
from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.shared.channel import session_folder
from mirage_lsd.shared.channel.look_address import ROOT_VARIABLE
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import MirageError

WORKER_BELL, PLUGIN_BELL = "worker.bell", "plugin.bell"


class SessionFiles:
    """`worker_bell` wakes the worker, `plugin_bell` our listener; Lua rings both."""

    def __init__(self, log: Callable[..., None]) -> None:
        """Raises MirageError."""
        root = os.environ.get(ROOT_VARIABLE) or session_folder.private_root()
        os.makedirs(root, mode=0o700, exist_ok=True)
        swept = session_folder.sweep(root)
        self.folder = SessionFolder.create(root)
        try:
            self.block = ControlBlock.create(self.folder.path_of(control_block.FILE_NAME))
            self.worker_bell = Doorbell.create(self.folder.path_of(WORKER_BELL))
            self.plugin_bell = Doorbell.create(self.folder.path_of(PLUGIN_BELL))
        except MirageError:
            self.folder.close()
            raise
        log(f"session folder {self.folder.path}")
        if swept:
            log(f"removed {len(swept)} folders left behind by an OBS that crashed")

    def close(self) -> None:
        """Unmap and remove everything; only after the Lua half is gone."""
        self.worker_bell.close()
        self.plugin_bell.close()
        self.block.close()
        self.folder.close()
