# SPDX-License-Identifier: Apache-2.0
"""The model with parts switched off, behind the runtime's own doors.

`EvalHost` stands in for EngineHost: the stages ask it for a schedule, an engine and a segmenter and do not know that
a part is missing. What runs a graph is changed at its inputs and outputs; what lies inside a graph (attention to
other frames, temporal convolutions) is changed in a copy of the weights. Nothing of the runtime is touched.

| part             | off means                                                                              |
|------------------|----------------------------------------------------------------------------------------|
| flow             | no motion, nothing occluded: latent and caches stay where they were                    |
| cache            | no features, surface or layer of the last frame, none of the anchor; history flags 0   |
| attention        | the weights' bias towards last and anchor frame is -30: only now and the words are seen |
| temporal         | the temporal convolutions' mixing weights are 0                                        |
| hidden_state     | the last latent is 0: every frame starts from the noise alone                          |
| schedule         | uniform DDIM time-steps instead of the learned ones                                    |
| super_resolution | the decoded layer itself, scaled up bilinearly                                         |
| prediction       | the predicted velocity is 0 (not an ablation: a cheat that must fail)                  |

What is held of the source alone is always on: where the person is looked for, their mask, what is behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker import engines
from mirage_lsd.worker.history import ANCHORS, CACHES
from mirage_lsd.worker.hosts.engine_host import tiny_pipeline, warm_up
from mirage_lsd.worker.models.config import DECISION, PAINTED_FROM, SCENE_FROM
from mirage_lsd.worker.models.graphs import GraphShapes, shapes_for
from mirage_lsd.worker.models.sampler import Schedule
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS, load_schedule, load_weights, save_weights
from mirage_lsd.worker.paint.apply_layer import SHARES
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.tracking.person_follow import PersonFollower

ELSEWHERE = 1e3  # no surface lies there and no layer is so opaque, so nothing is steadied by it (tracking/steady.py)
UNSEEN = -30.0  # a logit that the softmax takes for "not there", as in models/nets/blocks.py


@dataclass(frozen=True)
class Switches:
    """Which parts run; all on by default."""

    flow: bool = True
    cache: bool = True
    attention: bool = True
    temporal: bool = True
    hidden_state: bool = True
    schedule: bool = True
    super_resolution: bool = True
    prediction: bool = True

    @classmethod
    def without(cls, *parts: str) -> Switches:
        """All on but these."""
        return cls(**dict.fromkeys(parts, False))

    @property
    def off(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self) if not getattr(self, field.name))


def cut_weights(tensors: dict[str, np.ndarray], switches: Switches) -> dict[str, np.ndarray]:
    """A copy of the weights without the parts that live inside a graph."""
    out = dict(tensors)
    for name, value in tensors.items():
        if not switches.attention and name.endswith(".source_bias"):
            out[name] = value.copy()
            out[name][:, 1:3] = UNSEEN  # columns: now, last frame, anchor, words
        if not switches.temporal and ".time" in name and ".mix." in name:
            out[name] = np.zeros_like(value)
    return out


class SwitchedEngine:
    """An engine with parts switched off; also remembers the upscale graph's last maps, which the matte is made of
    (see matte.py)."""

    def __init__(self, engine: engines.Engine, switches: Switches) -> None:
        self.name, self.specs = engine.name, engine.specs
        self.maps: dict[str, np.ndarray] = {}
        self._engine, self._switches = engine, switches

    def run(self, graph_name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if graph_name == "upscale":
            result = self._upscale(inputs)
            self.maps = {**result, "shares": inputs["buffers"][:, SHARES]}
            return result
        if graph_name in ("recall", "denoise") and not self._switches.cache:
            gone = {*CACHES, *ANCHORS, "history"} & set(inputs)
            inputs = {**inputs, **{name: np.zeros_like(inputs[name]) for name in gone}}
        result = self._engine.run(graph_name, inputs)
        return self._cut(graph_name, result)

    def _cut(self, graph_name: str, result: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        gone: tuple[str, ...] = ()
        if graph_name == "flow" and not self._switches.flow:
            gone = ("flow", "occlusion")
        if graph_name == "motion" and not self._switches.flow:
            gone = ("motion",)
        if graph_name == "warp" and not self._switches.hidden_state:
            gone = ("latent_out",)
        if graph_name == "denoise" and not self._switches.prediction:
            gone = ("velocity",)
        result = {**result, **{name: np.zeros_like(result[name]) for name in gone}}
        if graph_name == "warp" and not self._switches.cache:
            result.update({name: np.full_like(result[name], ELSEWHERE) for name in ("surface_out", "buffers_out")})
        return result

    def _upscale(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self._switches.super_resolution:
            return self._engine.run("upscale", inputs)
        return plain_upscale(inputs["buffers"])


def plain_upscale(buffers: np.ndarray) -> dict[str, np.ndarray]:
    """The upscale graph's outputs with no net: buffers f32 [1,8,h,w] → layer BGR 0..510 and mask (0, coverage decided
    as in models/nets/upscaler.py, 0)."""
    layer = np.ascontiguousarray(buffers[:, 2::-1] * 255.0, np.float32)
    mask = np.zeros_like(layer)
    mask[:, 1] = (buffers[:, 3] - PAINTED_FROM - (SCENE_FROM - PAINTED_FROM) * buffers[:, 7]) * DECISION + 0.5
    return {"layer": layer, "mask": mask}


class EnginePool:
    """Real engines by weights and size, shared by hosts; cut weights are written to `scratch`."""

    def __init__(self, scratch: Path, weights: Path = DEFAULT_WEIGHTS, engine: str = "auto") -> None:
        self._scratch, self.weights, self._engine = scratch, weights, engine
        self._made: dict[tuple[Path, GraphShapes], engines.Engine] = {}

    def engine_for(self, switches: Switches, shapes: GraphShapes) -> engines.Engine:
        key = (self._weights_for(switches), shapes)
        if key not in self._made:
            cache_dir = None if key[0] == self.weights else self._scratch
            self._made[key] = engines.create_engine(self._engine, shapes, key[0], cache_dir=cache_dir)
            warm_up(self._made[key])
        return self._made[key]

    def _weights_for(self, switches: Switches) -> Path:
        parts = [part for part in switches.off if part in ("attention", "temporal")]
        if not parts:
            return self.weights
        path = self._scratch / f"without-{'-'.join(parts)}.safetensors"
        if not path.is_file():
            self._scratch.mkdir(parents=True, exist_ok=True)
            save_weights(cut_weights(load_weights(self.weights), switches), path)
        return path


class EvalHost:
    """What pipeline and stages need of an EngineHost, for one choice of switches."""

    ready = True
    looks_for_people = False  # what the nets paint is judged; whether somebody is there is none of theirs

    def __init__(self, pool: EnginePool, switches: Switches = Switches()) -> None:
        self.schedule = load_schedule(pool.weights) if switches.schedule else Schedule.uniform()
        self._pool, self._switches = pool, switches
        self._engines: dict[GraphShapes, SwitchedEngine] = {}
        self.last_engine: SwitchedEngine | None = None

    def engine_for(self, shapes: GraphShapes) -> SwitchedEngine:
        if shapes not in self._engines:
            engine = self._pool.engine_for(self._switches, shapes)
            self._engines[shapes] = SwitchedEngine(engine, self._switches)
        self.last_engine = self._engines[shapes]
        return self.last_engine

    @property
    def engine(self) -> str:
        """The name of the engine used last."""
        return self.last_engine.name if self.last_engine else "none"

    def shapes_for(self, width_px: int, height_px: int, working_size: str) -> GraphShapes:
        return shapes_for(width_px, height_px, working_size)

    def new_pipeline(self, live: bool = False) -> Pipeline:
        return tiny_pipeline(self)

    def prepare_engine(self, shapes: GraphShapes) -> bool:
        """Every size may be used at once: it is made when it is asked for."""
        return True

    def record_frame(self, settings: StreamSettings, size_px: tuple[int, int], frame_ms: float) -> None:
        """Nothing follows the pace here: every film is played at the same size."""

    def steps_for(self, settings: StreamSettings) -> int:
        return settings.steps

    def new_person_mask(self) -> PersonFollower:
        return PersonFollower()
