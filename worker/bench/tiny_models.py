# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-tiny as the pipeline benchmark takes it. Torch is used for the arithmetic floor only, where it is."""

from __future__ import annotations

import importlib.util

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.hosts.models_host import Choice
from mirage_lsd.worker.models.graphs import GraphShapes


class BenchTiny:
    """Stands for ModelsHost where there is one model, already loaded."""

    warm_up_frames = 30
    overlaps = False

    def __init__(self, host: EngineHost, size_px: tuple[int, int], working_size: str) -> None:
        self.tiny, self._size_px, self._asked = host, size_px, working_size
        if working_size == "auto":
            host.load()
        host.load(self._shapes)

    @property
    def _shapes(self) -> GraphShapes:
        return self.tiny.shapes_for(*self._size_px, self._asked)

    def choose(self, settings: StreamSettings) -> Choice:
        """Always the one there is."""
        return Choice(self.tiny)

    def facts(self) -> dict:
        """What runs, at the working size of the last frame."""
        size = f"auto: {self.tiny.pace.size}" if self._asked == "auto" else self._asked
        width_px, height_px = self._shapes.working_px
        return {"model": self.tiny.model, "engine": self.tiny.engine, "device": self.tiny.device,
                "working_size": size, "working_px": f"{width_px}x{height_px}"}

    def vram_bytes(self) -> None:
        """None is used."""

    def floor(self, settings: StreamSettings) -> dict | None:
        """The least time a frame could take by its arithmetic, at its working size; None without PyTorch."""
        if importlib.util.find_spec("torch") is None:
            return None
        import torch

        from mirage_lsd.worker.bench.floor import floor_of
        from mirage_lsd.worker.engines.device.graph_set import GraphSet
        from mirage_lsd.worker.models.graphs import graph_specs
        from mirage_lsd.worker.models.nets.tiny import MirageTiny, graph_modules

        graphs = GraphSet(graph_specs(self._shapes), graph_modules(MirageTiny().eval()), "float32", torch.device("cpu"))
        return floor_of(graphs, {name: 1 for name in graphs.specs if name != "condition"} | {"denoise": settings.steps})

    def close(self) -> None:
        """Nothing to give back."""
