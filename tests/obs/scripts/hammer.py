# SPDX-License-Identifier: Apache-2.0
"""An unrelated OBS script that calls obspython from its own thread as fast as it can.

Loaded into a test's OBS beside Mirage LSD. SWIG holds the GIL during every call, and each of these calls takes a
lock that OBS's graphics thread takes too: any Python on the graphics thread would stop OBS for good.
It logs how many rounds it did.
"""

import threading

import obspython as obs

_stop = threading.Event()
_thread = None
ROUNDS_PER_LINE = 500


def _one_round():
    sources = obs.obs_enum_sources()
    obs.source_list_release(sources)
    source = obs.obs_get_source_by_name("Clip")
    obs.obs_source_release(source)
    scene_source = obs.obs_get_source_by_name("Scene")
    items = obs.obs_scene_enum_items(obs.obs_scene_from_source(scene_source))
    obs.sceneitem_list_release(items)
    obs.obs_source_release(scene_source)
    obs.obs_enter_graphics()
    obs.obs_leave_graphics()


def _hammer():
    rounds = 0
    while not _stop.is_set():
        _one_round()
        rounds += 1
        if rounds % ROUNDS_PER_LINE == 0:
            obs.script_log(obs.LOG_INFO, f"hammer: {rounds} rounds")


def _on_event(event):
    global _thread
    if event == obs.OBS_FRONTEND_EVENT_FINISHED_LOADING and _thread is None:
        _thread = threading.Thread(target=_hammer, daemon=True)
        _thread.start()
    elif event == obs.OBS_FRONTEND_EVENT_SCRIPTING_SHUTDOWN:
        _stop.set()
        if _thread is not None:
            _thread.join(5)


def script_load(settings):
    obs.obs_frontend_add_event_callback(_on_event)


def script_unload():
    _stop.set()
