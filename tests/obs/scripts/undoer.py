# SPDX-License-Identifier: Apache-2.0
"""Does with a source what OBS's own "Remove" and "Undo" do: saves it, removes it, loads it again.

A test writes a word and a source's name into $UNDOER_FOLDER/wanted; the answer is the word in $UNDOER_FOLDER/done.
"""

import os

import obspython as obs

FOLDER = os.environ["UNDOER_FOLDER"]
_saved = {}


def _remove(name):
    source = obs.obs_get_source_by_name(name)
    _saved[name] = obs.obs_save_source(source)
    obs.obs_source_remove(source)
    obs.obs_source_release(source)


def _undo(name):
    source = obs.obs_load_source(_saved[name])
    obs.obs_data_release(_saved.pop(name))
    scene = obs.obs_frontend_get_current_scene()
    obs.obs_scene_add(obs.obs_scene_from_source(scene), source)
    obs.obs_source_release(scene)
    obs.obs_source_release(source)


def _look():
    path = os.path.join(FOLDER, "wanted")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            word, name = file.read().split(" ", 1)
        os.remove(path)
        {"remove": _remove, "undo": _undo}[word](name)
        with open(os.path.join(FOLDER, "done"), "w", encoding="utf-8") as file:
            file.write(word)


def script_load(settings):
    obs.timer_add(_look, 50)
