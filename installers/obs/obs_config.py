# SPDX-License-Identifier: Apache-2.0
"""A private OBS Studio configuration folder: written before OBS starts, read by nobody else.

Used by obs_session.py. The folder takes the place of ~/.config/obs-studio for that one OBS, so a user's own
scenes, profiles and scripts are neither read nor changed. Written for OBS 29 (global.ini); the copies that
newer versions look for (user.ini from 31, the web socket's own config.json from 30.2) are written too.
"""

from __future__ import annotations

import configparser
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obs_scene import OBS_29, Collection

PROFILE = "Mirage"


@dataclass(frozen=True)
class Video:
    """The canvas, which is also the output size."""

    width_px: int = 640
    height_px: int = 360
    fps: int = 30

    def __post_init__(self) -> None:
        if self.width_px % 2 or self.height_px % 2 or min(self.width_px, self.height_px) < 32:
            size = f"{self.width_px}x{self.height_px}"
            raise ValueError(f"canvas {size}: both sides must be even and at least 32")


@dataclass(frozen=True)
class WebSocketAccess:
    """Where the obs-websocket server of this OBS listens, and its password."""

    port: int
    password: str


def write(
    folder: Path,
    collection: Collection,
    video: Video,
    access: WebSocketAccess,
    recordings: Path,
    preview: bool = False,
) -> None:
    """Write `folder`/obs-studio for one OBS. `folder` becomes its HOME and XDG_CONFIG_HOME."""
    base = folder / "obs-studio"
    scenes, profile = base / "basic" / "scenes", base / "basic" / "profiles" / PROFILE
    for made in (scenes, profile, recordings, base / "plugin_config" / "obs-websocket"):
        made.mkdir(parents=True, exist_ok=True)
    program = _program_ini(collection.name, access, preview)
    _write_ini(base / "global.ini", program)
    _write_ini(base / "user.ini", program)
    _write_ini(profile / "basic.ini", _profile_ini(video, recordings))
    _write_json(scenes / f"{collection.name}.json", collection.to_obs())
    _write_json(base / "plugin_config" / "obs-websocket" / "config.json", _websocket_json(access))


def _program_ini(collection_name: str, access: WebSocketAccess, preview: bool) -> dict[str, dict[str, Any]]:
    return {
        "General": {
            "FirstRun": True,
            "Pre31Migrated": True,  # else OBS 31 and newer ask about it before anything else
            "LastVersion": OBS_29,
            "InfoIncrement": 999,
            "EnableAutoUpdates": False,
            "ConfirmOnExit": False,
            "HotkeyFocusType": "NeverDisableHotkeys",
            "BrowserHWAccel": False,
        },
        "Basic": {
            "Profile": PROFILE,
            "ProfileDir": PROFILE,
            "SceneCollection": collection_name,
            "SceneCollectionFile": collection_name,
            "ConfigOnNewProfile": False,
        },
        "BasicWindow": {"PreviewEnabled": preview, "SysTrayEnabled": False, "ShowContextToolbars": True},
        "OBSWebSocket": {
            "FirstLoad": False,
            "ServerEnabled": True,
            "ServerPort": access.port,
            "AlertsEnabled": False,
            "AuthRequired": True,
            "ServerPassword": access.password,
        },
    }


def _profile_ini(video: Video, recordings: Path) -> dict[str, dict[str, Any]]:
    return {
        "General": {"Name": PROFILE},
        "Video": {
            "BaseCX": video.width_px,
            "BaseCY": video.height_px,
            "OutputCX": video.width_px,
            "OutputCY": video.height_px,
            "FPSType": 1,  # whole frames a second
            "FPSInt": video.fps,
            "ColorFormat": "NV12",
        },
        "Audio": {"SampleRate": 48000, "ChannelSetup": "Stereo"},
        "Output": {"Mode": "Simple", "FilenameFormatting": "recording", "OverwriteIfExists": True},
        "SimpleOutput": {
            "FilePath": recordings,
            "RecFormat": "mkv",
            "RecFormat2": "mkv",
            "RecQuality": "Small",
            "RecEncoder": "x264_lowcpu",
            "StreamEncoder": "x264",
            "Preset": "ultrafast",
            "VBitrate": 2500,
            "UseAdvanced": False,
        },
    }


def _websocket_json(access: WebSocketAccess) -> dict[str, Any]:
    return {
        "alerts_enabled": False,
        "auth_required": True,
        "first_load": False,
        "server_enabled": True,
        "server_password": access.password,
        "server_port": access.port,
    }


def _write_ini(path: Path, sections: dict[str, dict[str, Any]]) -> None:
    ini = configparser.RawConfigParser()
    ini.optionxform = str  # OBS's keys are case-sensitive
    for section, values in sections.items():
        ini[section] = {key: _ini_text(value) for key, value in values.items()}
    with path.open("w", encoding="utf-8") as file:
        ini.write(file, space_around_delimiters=False)
    path.chmod(0o600)  # the web socket's password is in it


def _ini_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    path.chmod(0o600)
