# SPDX-License-Identifier: Apache-2.0
"""Voice and gestures in the script's properties window.

Called by the entry file on OBS's UI thread, with obspython handed in, as only a loaded script may use it. Invariants:
the keys and defaults are those of voice_settings and gesture_settings; a chosen source that is missing now stays in
its list, else OBS would change the setting.
"""

from __future__ import annotations

from typing import Any

from mirage_lsd.obs_script.senses import gesture_settings, voice_settings
from mirage_lsd.obs_script.senses.voice_settings import MICROPHONE
from mirage_lsd.shared.messages.look import GESTURES
from mirage_lsd.shared.messages.voice_lines import AUTO, ENGINES, MAX_COOLDOWN_MS, PUSH_TO_TALK, WAKE_WORD

_MODES = ((WAKE_WORD, "Hands free: after the wake word"), (PUSH_TO_TALK, "Only while the push-to-talk key is held"))


def set_defaults(obs: Any, settings: Any) -> None:
    """What a fresh script has."""
    for key, value in (*voice_settings.DEFAULTS.items(), *gesture_settings.DEFAULTS.items()):
        kind = {bool: "bool", float: "double", int: "int", str: "string"}[type(value)]
        getattr(obs, f"obs_data_set_default_{kind}")(settings, key, value)


def add_voice(obs: Any, properties: Any, chosen: str) -> None:
    """A group with everything about voice. chosen: the source that is set now."""
    group = obs.obs_properties_create()
    sources = [(MICROPHONE, "The system's microphone"), *((name, name) for name in _audio_sources(obs, chosen))]
    obs.obs_properties_add_bool(group, "voice_on", "Listen for voice commands")
    _add_list(obs, group, "voice_source", "Listen to", sources)
    obs.obs_properties_add_text(group, "voice_microphone", "Microphone (part of its name)", obs.OBS_TEXT_DEFAULT)
    _add_list(obs, group, "voice_mode", "When", _MODES)
    obs.obs_properties_add_text(group, "voice_wake_word", "Wake word", obs.OBS_TEXT_DEFAULT)
    engines = [(AUTO, "Automatic"), *((name, name) for name in ENGINES)]
    _add_list(obs, group, "voice_engine", "Engine", engines)
    obs.obs_properties_add_text(group, "voice_model", "Engine's model folder", obs.OBS_TEXT_DEFAULT)
    language = "Language (others than en need an engine and a model for them)"
    obs.obs_properties_add_text(group, "voice_language", language, obs.OBS_TEXT_DEFAULT)
    threshold = "Sureness needed (0: the engine's own)"
    obs.obs_properties_add_float_slider(group, "voice_threshold", threshold, 0.0, 1.0, 0.01)
    obs.obs_properties_add_int(group, "voice_cooldown_ms", "Pause after a command (ms)", 0, MAX_COOLDOWN_MS, 100)
    obs.obs_properties_add_group(properties, "voice", "Voice commands", obs.OBS_GROUP_NORMAL, group)


def add_gestures(obs: Any, properties: Any, filtered: list[str], chosen: str) -> None:
    """A group with everything about gestures. filtered: sources with our filter. chosen: the one that is set now."""
    group = obs.obs_properties_create()
    sources = [("", "The first with the filter"), *((name, name) for name in sorted({*filtered, chosen} - {""}))]
    obs.obs_properties_add_bool(group, "gestures_on", "Look for hand gestures in the source")
    _add_list(obs, group, "gestures_source", "Source", sources)
    obs.obs_properties_add_bool(group, "gestures_mirrored", "The picture is mirrored")
    actions = [(key, label) for key, (label, _) in gesture_settings.ACTIONS.items()]
    for gesture in GESTURES[1:]:
        _add_list(obs, group, gesture_settings.KEY + gesture, gesture.replace("_", " ").capitalize(), actions)
    obs.obs_properties_add_group(properties, "gestures", "Hand gestures", obs.OBS_GROUP_NORMAL, group)


def _add_list(obs: Any, group: Any, key: str, label: str, choices: Any) -> None:
    made = obs.obs_properties_add_list(group, key, label, obs.OBS_COMBO_TYPE_LIST, obs.OBS_COMBO_FORMAT_STRING)
    for value, text in choices:
        obs.obs_property_list_add_string(made, text, value)


def _audio_sources(obs: Any, chosen: str) -> list[str]:
    """Names of the sources that have sound, and the chosen one."""
    sources = obs.obs_enum_sources() or []
    names = [obs.obs_source_get_name(s) for s in sources if obs.obs_source_get_output_flags(s) & obs.OBS_SOURCE_AUDIO]
    obs.source_list_release(sources)
    return sorted({*names, chosen} - {MICROPHONE})
