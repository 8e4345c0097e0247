# SPDX-License-Identifier: Apache-2.0
"""Brings mirage-lsd-v1 in without holding up the worker: PyTorch's import, the weights, the first kernel.

Made and asked by the worker's loop thread; everything slow runs on one thread of its own. Imports no torch itself.
Invariant: one checkpoint's memory is given back before the next one is loaded.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from mirage_lsd.shared.errors import MirageError, reason_of
from mirage_lsd.shared.messages.settings import V1
from mirage_lsd.worker.hosts import devices

if TYPE_CHECKING:
    from mirage_lsd.worker.hosts.v1_host import V1Host

log = logging.getLogger(__name__)


class V1Loader:
    """state: "loading", "ready" or "failed"; text: for the status line; host: the loaded model, None until then."""

    def __init__(self, checkpoint: str, device: str, gpus: tuple[devices.Gpu, ...], before: V1Loader | None,
                 precision: str = "auto") -> None:  # fmt: skip
        self.host: V1Host | None = None
        self._checkpoint, self._device, self._gpus, self._before = checkpoint, device, gpus, before
        self._precision = precision
        self._failed = ""
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name="v1-load", daemon=True)
        self._thread.start()

    @property
    def state(self) -> str:
        """One word."""
        if self._failed:
            return "failed"
        return self.host.state if self.host is not None else "loading"

    @property
    def text(self) -> str:
        """For the status line."""
        if self._failed:
            return f"{V1}: {self._failed}"
        return self.host.text if self.host is not None else f"loading {V1}: importing PyTorch"

    @property
    def ready(self) -> bool:
        """Whether frames can be rendered."""
        return self.state == "ready"

    def drop(self) -> None:
        """No stream needs it any more. Returns at once; the memory goes when its work is done."""
        self._dropped = True
        if self.host is not None and self.host.state != "loading":
            self.host.close()  # perhaps a second time, if the thread is just ending: that does no harm

    def wait(self) -> None:
        """Until it is loaded, or has failed."""
        self._thread.join()

    def _run(self) -> None:
        try:
            if self._before is not None:
                self._before.wait()
                self._before = None
            devices.check_torch(None)
            from mirage_lsd.worker.hosts.v1_host import V1Host, V1Options

            self.host = V1Host(V1Options(self._checkpoint, self._device, self._precision), self._gpus)
            self.host.load_or_tell()
        except MirageError as error:
            self._failed = str(error)
            log.error("%s cannot be loaded: %s (%s)", V1, error, error.code)
        except ImportError as error:
            self._failed = f"{error}; install what it needs with: pip install 'mirage-lsd[gpu]'"
            log.error("%s cannot be loaded: %s", V1, error)
        except Exception as error:  # such as a PyTorch whose libraries do not fit this system
            self._failed = reason_of(error)
            log.exception("%s cannot be loaded", V1)
        if self._dropped and self.host is not None:
            self.host.close()
