# SPDX-License-Identifier: Apache-2.0
"""Which model a stream's frames go through just now: the one it asks for, or what stands in for it, and why.

Called by the worker's loop thread. Invariants: mirage-lsd-tiny is always there to stand in (the picture is never
lost while mirage-lsd-v1 loads or fails); mirage-lsd-v1 and PyTorch are touched only once a stream asks for it; at most
one checkpoint is loaded at a time, once for all streams, and the stream that had it first keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import TINY, V1, StreamSettings
from mirage_lsd.worker.hosts import devices
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.hosts.model_host import ModelHost, Passthrough
from mirage_lsd.worker.hosts.v1_loader import V1Loader
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.stage_order import PASSTHROUGH

IN_USE_S = 2.0


@dataclass(frozen=True)
class Choice:
    """host: whose pipelines to run, None to show the source; text: what the status adds, "" where the wish is
    fulfilled."""

    host: ModelHost | None
    text: str = ""


class ModelsHost:
    """passthrough: no model. tiny: the shipped model. loader: mirage-lsd-v1 in the checkpoint in use, or None."""

    def __init__(self, tiny: EngineHost | None = None, gpus: tuple[devices.Gpu, ...] | None = None,
                 new_loader: Callable[..., V1Loader] = V1Loader) -> None:  # fmt: skip
        self.passthrough = Passthrough()
        self.tiny = tiny or EngineHost()
        self.gpus = devices.find_gpus() if gpus is None else gpus
        self.loader: V1Loader | None = None
        self._new_loader = new_loader
        self._loader_for: tuple[str, str] | None = None
        self._asked_s = 0.0

    def start(self) -> None:
        """Loads mirage-lsd-tiny in the background."""
        self.tiny.start()

    def devices(self) -> tuple[str, ...]:
        """What the device setting may be on this machine."""
        return devices.choices(self.gpus)

    def device_names(self) -> tuple[str, ...]:
        """The same for people, in the same order."""
        labels = {gpu.id: gpu.label for gpu in self.gpus}
        return tuple(labels.get(device, device) for device in self.devices())

    def choose(self, settings: StreamSettings) -> Choice:
        """What a stream with these settings runs now; starts loading what it asks for."""
        if settings.pipeline == PASSTHROUGH:
            return Choice(self.passthrough, self._tiny_remark(settings))
        if settings.model != V1:
            return Choice(self.tiny, self._tiny_remark(settings))
        loader, refused = self._wanted_loader(settings)
        if not refused and loader.ready:
            return Choice(loader.host)
        stand_in = self.tiny if _tiny_knows(settings) else None
        shown = TINY + " runs" if stand_in else "the source is shown"
        until = "meanwhile" if not refused and loader.state == "loading" else "instead"
        return Choice(stand_in, f"{refused or loader.text}; {shown} {until}")

    def loading(self, settings: StreamSettings) -> bool:
        """Whether the model that these settings ask for is on its way."""
        return settings.model == V1 and self.loader is not None and self.loader.state == "loading"

    def largest(self) -> ModelHost:
        """The host of the largest model that is loaded: what the figures about the whole worker are about."""
        return self.loader.host if self.loader is not None and self.loader.ready else self.tiny

    def _tiny_remark(self, settings: StreamSettings) -> str:
        """What to say where another device is chosen than the one mirage-lsd-tiny runs on, the CPU; else ""."""
        if settings.device in (devices.AUTO, self.tiny.device):
            return ""
        try:
            devices.resolve(settings.device, self.gpus)
        except MirageError as error:
            return f"{error}; {self.tiny.model} runs on {self.tiny.device}"
        return f"{self.tiny.model} runs on {self.tiny.device} only; choose {V1} for a graphics card"

    def check(self, settings: StreamSettings) -> None:
        """That the settings' look can be shown by the model they ask for; else UnknownWordError. v1 takes any words."""
        if settings.model != V1:
            look_for(settings)

    def close(self) -> None:
        """Lets mirage-lsd-v1 go."""
        if self.loader is not None:
            self.loader.drop()
            self.loader = self._loader_for = None

    def _wanted_loader(self, settings: StreamSettings) -> tuple[V1Loader | None, str]:
        """The loader for these settings; else None or another stream's, and why these cannot be had."""
        try:
            gpu = devices.resolve(settings.device, self.gpus)
        except MirageError as error:
            return None, str(error)
        wanted, now_s = (settings.checkpoint, gpu.id if gpu else devices.CPU), time.monotonic()
        if self._loader_for not in (None, wanted) and now_s - self._asked_s < IN_USE_S:
            return self.loader, f"another filter uses {V1} with another checkpoint or device; one at a time"
        self._asked_s = now_s
        if self._loader_for != wanted:
            before = self.loader
            self.close()
            self.loader, self._loader_for = self._new_loader(*wanted, self.gpus, before), wanted
        return self.loader, ""

def _tiny_knows(settings: StreamSettings) -> bool:
    try:
        look_for(settings)
    except MirageError:
        return False
    return True
