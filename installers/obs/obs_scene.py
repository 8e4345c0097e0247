# SPDX-License-Identifier: Apache-2.0
"""Scene collections for OBS Studio as typed values, and the JSON that OBS 29 and newer load.

Used by the demo and by the tests in real OBS, before OBS starts; nothing here talks to a running OBS.
Everything is a frozen value: build `Source`s and `Scene`s, put them in a `Collection`, call `to_obs()`. What is not
written is as OBS has it in a new source or scene.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILTER_ID = "mirage_lsd"
BOUNDS_NONE, BOUNDS_STRETCH, BOUNDS_INNER, BOUNDS_OUTER = 0, 1, 2, 3
OBS_29 = 29 << 24


def _common(source_id: str, versioned_id: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": source_id,
        "versioned_id": versioned_id,
        "name": name,
        "uuid": str(uuid.uuid4()),
        "settings": dict(settings),
        "enabled": True,
        "mixers": 0,
        "prev_ver": OBS_29,
        "private_settings": {},
        "sync": 0,
    }


@dataclass(frozen=True)
class Filter:
    """A filter on a source. `settings` are the filter's own, by name."""

    id: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True

    def to_obs(self) -> dict[str, Any]:
        return {**_common(self.id, self.id, self.name, self.settings), "enabled": self.enabled}


@dataclass(frozen=True)
class Source:
    """An input. `versioned_id` differs from `id` only for types that OBS has several versions of."""

    id: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    filters: Sequence[Filter] = ()
    versioned_id: str = ""

    def to_obs(self) -> dict[str, Any]:
        base = _common(self.id, self.versioned_id or self.id, self.name, self.settings)
        return {
            **base,
            "mixers": 255,
            "filters": [one.to_obs() for one in self.filters],
        }


@dataclass(frozen=True)
class Item:
    """A source (or another scene) placed in a scene, sizes in canvas pixels; bounds 0x0: its own size."""

    source: str
    x_px: float = 0.0
    y_px: float = 0.0
    bounds_width_px: float = 0.0
    bounds_height_px: float = 0.0
    bounds_type: int = BOUNDS_INNER
    visible: bool = True

    def to_obs(self, number: int) -> dict[str, Any]:
        bounded = self.bounds_width_px > 0
        return {
            "name": self.source,
            "id": number,
            "visible": self.visible,
            "pos": {"x": self.x_px, "y": self.y_px},
            "scale": {"x": 1.0, "y": 1.0},
            "align": 5,  # left and top
            "bounds_type": self.bounds_type if bounded else BOUNDS_NONE,
            "bounds": {"x": self.bounds_width_px, "y": self.bounds_height_px},
        }


@dataclass(frozen=True)
class Scene:
    """A scene. Give width_px and height_px to make a nested scene smaller than the canvas."""

    name: str
    items: Sequence[Item]
    filters: Sequence[Filter] = ()
    width_px: int = 0
    height_px: int = 0

    def to_obs(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "custom_size": self.width_px > 0,
            "id_counter": len(self.items),
            "items": [item.to_obs(number) for number, item in enumerate(self.items, 1)],
        }
        if self.width_px > 0:
            settings |= {"cx": self.width_px, "cy": self.height_px}
        return {
            **_common("scene", "scene", self.name, settings),
            "filters": [one.to_obs() for one in self.filters],
        }


@dataclass(frozen=True)
class Script:
    """An entry of Tools → Scripts."""

    path: Path
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Collection:
    """A scene collection; the first scene is on air unless `current` names another."""

    scenes: Sequence[Scene]
    sources: Sequence[Source] = ()
    scripts: Sequence[Script] = ()
    name: str = "Mirage"
    current: str = ""

    def to_obs(self) -> dict[str, Any]:
        current = self.current or self.scenes[0].name
        return {
            "name": self.name,
            "current_scene": current,
            "current_program_scene": current,
            "scene_order": [{"name": scene.name} for scene in self.scenes],
            "sources": [one.to_obs() for one in (*self.sources, *self.scenes)],
            "groups": [],
            "quick_transitions": [],
            "current_transition": "Cut",
            "modules": {
                "scripts-tool": [
                    {"path": str(script.path), "settings": dict(script.settings)} for script in self.scripts
                ],
            },
        }


def color_source(name: str, rgb: tuple[int, int, int], width_px: int, height_px: int, **more: Any) -> Source:
    """A plain colour. `rgb` is 0..255 each. A source without sound, and synchronous."""
    red, green, blue = rgb
    settings = {"color": 0xFF000000 | blue << 16 | green << 8 | red, "width": width_px, "height": height_px}
    return Source("color_source", name, settings, versioned_id="color_source_v3", **more)


def image_source(name: str, file: Path, **more: Any) -> Source:
    """A picture from a file."""
    return Source("image_source", name, {"file": str(file), "unload": False}, **more)


def media_source(name: str, file: Path, looping: bool = True, **more: Any) -> Source:
    """A video file played by OBS: an asynchronous source."""
    settings = {
        "is_local_file": True,
        "local_file": str(file),
        "looping": looping,
        "restart_on_activate": False,
        "close_when_inactive": False,
        "hw_decode": False,
    }
    return Source("ffmpeg_source", name, settings, **more)


def camera_source(name: str, device: str, **more: Any) -> Source:
    """A webcam on Linux, for example /dev/video0."""
    return Source("v4l2_input", name, {"device_id": device, "auto_reset": True}, **more)


def mirage_filter(name: str = "Mirage LSD", enabled: bool = True, **settings: Any) -> Filter:
    """The Mirage LSD filter with some of its settings changed from their defaults."""
    return Filter(FILTER_ID, name, settings, enabled)
