# SPDX-License-Identifier: Apache-2.0
"""Mirage LSD for OBS Studio: the one file to add in Tools → Scripts.

OBS imports it, and imports it anew at "Reload scripts"; every hook runs on OBS's UI thread with the GIL held.
Invariants: all that lives longer than a hook is in the mirage_lsd packages, which a reload leaves alone; they are found
beside this file, in ../shared and in this folder. So after an upgrade under a running OBS a reload meets the packages
of the former release: then, and when OBS has this script twice, nothing runs and the status says what to do.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types

import obspython as obs

FOLDER = os.path.dirname(os.path.abspath(__file__))
SCENE_KEY = "scene:"

_plugin = None
_refusing = None
_problem = ""
_settings_address = 0
_connected = False
_obs_is_ending = False


SHARED = os.path.join(os.path.dirname(FOLDER), "shared")
TWICE = "Mirage LSD is in the list of scripts twice: remove one of the two and press Reload Scripts"


def _release_on_disk() -> str:
    """The release of the files that lie here now, as they say it themselves."""
    spec = importlib.util.spec_from_file_location("mirage_lsd_on_disk", os.path.join(SHARED, "release.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.release_of(SHARED, FOLDER)


def _make_packages() -> None:
    """Make mirage_lsd.shared and mirage_lsd.obs_script importable without touching sys.path."""
    if "mirage_lsd" not in sys.modules:
        parent = types.ModuleType("mirage_lsd")
        parent.__path__ = []
        parent.release = _release_on_disk()  # what OBS runs from now on until it ends
        sys.modules["mirage_lsd"] = parent
    for name, folder in (("shared", SHARED), ("obs_script", FOLDER)):
        full_name = f"mirage_lsd.{name}"
        if full_name in sys.modules:
            continue
        spec = importlib.util.spec_from_file_location(
            full_name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[full_name] = module
        spec.loader.exec_module(module)
        setattr(sys.modules["mirage_lsd"], name, module)


def _on_event(event):
    global _obs_is_ending
    if _plugin is not None and event == obs.OBS_FRONTEND_EVENT_SCENE_CHANGED:
        _plugin.controllers.scenes.changed()
    if _plugin is not None and event == obs.OBS_FRONTEND_EVENT_PROFILE_CHANGED:
        _plugin.controllers.hotkeys.profile_changed()
    if _plugin is not None and event == obs.OBS_FRONTEND_EVENT_SCENE_COLLECTION_CHANGING:
        _plugin.release_sound()  # before OBS saves the collection
    if event == obs.OBS_FRONTEND_EVENT_SCRIPTING_SHUTDOWN:
        _obs_is_ending = True
        _stop()


def _stop():
    global _plugin, _refusing
    for stopped in (_plugin, _refusing):
        if stopped is not None:
            stopped.stop(wait=_obs_is_ending)
    _plugin = _refusing = None
    if _obs_is_ending:  # also one that was stopped by a reload a moment ago
        from mirage_lsd.obs_script.plugin import wait_for_ending

        wait_for_ending()


def _describe():
    return _plugin.describe() if _plugin is not None else f"Not running. {_problem}"


def _address(settings):
    """By this one entry of the list of scripts is known from another: each has settings of its own."""
    return int(getattr(settings, "this", settings))  # a SWIG object, or a proxy of one


def _why_not():
    """Why the plugin must not run, "" if it may."""
    from mirage_lsd.shared.release import UNKNOWN, upgraded

    running, now = getattr(sys.modules["mirage_lsd"], "release", UNKNOWN), _release_on_disk()
    return upgraded(now, running) if now != running else ""


def script_description():  # asked for before script_load, so the status is in the properties
    return (
        "<h3>Mirage LSD</h3>Adds the filter <b>Mirage LSD</b> to every video source: it restyles outfit, hair and "
        "scene live, in a process of its own.<br>Right-click a source, choose Filters, add Mirage LSD."
    )


def script_load(settings):
    global _plugin, _refusing, _problem, _connected, _settings_address
    if _plugin is not None:  # a second entry of the same name is the same module to Python
        _problem = _plugin.notes["twice"] = TWICE
        obs.script_log(obs.LOG_ERROR, TWICE)
        return
    _connected, _settings_address = False, _address(settings)  # another scene collection loads this same module again
    _make_packages()
    from mirage_lsd.obs_script.plugin import Plugin
    from mirage_lsd.shared.errors import MirageError

    _problem = _why_not()
    try:
        if not _problem:
            _plugin = Plugin(FOLDER)
        elif hasattr(sys.modules["mirage_lsd"], "release"):  # else its plugin is too old to refuse
            _refusing = Plugin(FOLDER, _problem)
    except MirageError as error:
        _problem = str(error)
    if _problem:
        obs.script_log(obs.LOG_ERROR, _problem)


def script_update(settings):
    """OBS calls this right after script_load, and at every change."""
    if _address(settings) != _settings_address:
        return
    first = not _connected
    if first:
        _connect(_plugin)
    if _plugin is not None:
        _plugin.controllers.scenes.carried = _carried(settings)
        _set_senses(_plugin, settings)
    if first and (_plugin or _refusing):
        _start(_plugin or _refusing)


def _connect(plugin):
    """First in a hook and before anything that lets go of the GIL: OBS keeps the script whose hook runs in one variable
    for all threads, and without it takes no callbacks. Hence not in script_load, where files are read meanwhile."""
    global _connected

    def on_call(_data):
        plugin.controllers.hotkeys.register(obs)

    if plugin is not None:
        obs.signal_handler_connect(obs.obs_get_signal_handler(), plugin.controllers.script_call.signal, on_call)
    obs.obs_frontend_add_event_callback(_on_event)
    _connected = True


def _start(plugin):
    global _plugin, _refusing, _problem
    from mirage_lsd.shared.errors import MirageError

    try:
        plugin.start()
    except MirageError as error:
        _plugin, _refusing, _problem = None, None, str(error)
        obs.script_log(obs.LOG_ERROR, _problem)


def script_defaults(settings):
    _make_packages()
    from mirage_lsd.obs_script.senses import sense_properties

    sense_properties.set_defaults(obs, settings)


def script_unload():
    _stop()


def script_properties():
    properties = obs.obs_properties_create()
    status = obs.obs_properties_add_text(properties, "status", "", obs.OBS_TEXT_INFO)
    obs.obs_properties_add_button(properties, "refresh", "Refresh status", _refresh_pressed)
    obs.obs_properties_add_button(properties, "restart_worker", "Restart worker", _restart_pressed)
    obs.obs_properties_add_button(properties, "open_presets", "Open my presets", _open_presets_pressed)
    obs.obs_property_set_description(status, _describe())  # after the buttons for _connect's reason
    _add_scenes(properties)
    if _plugin is not None:
        from mirage_lsd.obs_script.senses import sense_properties

        sense_properties.add_voice(obs, properties, _plugin.controllers.voice.settings.source)
        filtered = [report.name.rpartition("/")[0] for report in _plugin.looks.reports()]
        sense_properties.add_gestures(obs, properties, filtered, _plugin.controllers.gestures.settings.source)
    return properties


def _add_scenes(properties):
    """For each scene, the preset it brings when OBS switches to it."""
    group = obs.obs_properties_create()
    presets = list(_plugin.looks.state.presets.values()) if _plugin is not None else []
    for name in obs.obs_frontend_get_scene_names() or ():
        kind, form = obs.OBS_COMBO_TYPE_LIST, obs.OBS_COMBO_FORMAT_STRING
        choice = obs.obs_properties_add_list(group, SCENE_KEY + name, name, kind, form)
        obs.obs_property_list_add_string(choice, "No preset", "")
        for preset in presets:
            obs.obs_property_list_add_string(choice, preset.name, preset.id)
        carried = _plugin.controllers.scenes.carried.get(name, "") if _plugin is not None else ""
        if carried and carried not in [preset.id for preset in presets]:
            obs.obs_property_list_add_string(choice, carried, carried)  # else OBS would change the setting
    obs.obs_properties_add_group(properties, "scenes", "Presets that scenes bring", obs.OBS_GROUP_NORMAL, group)


def _set_senses(plugin, settings):
    """Hand on the settings of voice and gestures."""
    from mirage_lsd.obs_script.senses.gesture_settings import GestureSettings
    from mirage_lsd.obs_script.senses.voice_settings import VoiceSettings

    content = json.loads(obs.obs_data_get_json(settings))
    plugin.controllers.voice.set(VoiceSettings.read(content))
    plugin.controllers.gestures.set(GestureSettings.read(content))


def _carried(settings):
    """The preset of each scene, by the scene's name."""
    content = json.loads(obs.obs_data_get_json(settings))
    return {key[len(SCENE_KEY) :]: preset for key, preset in content.items() if key.startswith(SCENE_KEY) and preset}


def _refresh_pressed(properties, button):
    return True


def _open_presets_pressed(properties, button):
    if _plugin is not None:
        _plugin.installation.open_presets()
    return False


def _restart_pressed(properties, button):
    if _plugin is not None:
        _plugin.installation.request_restart()
    return True
