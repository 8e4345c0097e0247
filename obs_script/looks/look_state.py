# SPDX-License-Identifier: Apache-2.0
"""Every filter's look and its history, and the one rule of how they change: `apply(state, command)`.

Called by the look store inside OBS, by whichever thread a command comes on, under the store's lock. Invariant: pure;
the same state and command give the same state anywhere, so everyone who follows the commands arrives at the same looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Callable

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages import look_commands
from mirage_lsd.shared.messages.look import KEEP, Look, Preset
from mirage_lsd.shared.messages.settings import Layer

MAX_HISTORY = 100
WINDOW = "properties"
"""Origin of the properties window. Its changes of the prompt come letter by letter: together they are one step of the
history. It has a box of its own for on and off, so nothing else in it turns a filter on."""


class LookError(MirageError):
    """A look command cannot be done. Codes: unknown_preset, unknown_target, no_presets."""

    code = "unknown_preset"


@dataclass(frozen=True)
class FilterLook:
    """One filter's look. name: "source/filter". undo, redo: the looks to go back or forward to, nearest last.
    typed: the last change was a step of typing. revision: the state's when it changed last."""

    name: str
    look: Look = field(default_factory=Look)
    undo: tuple[Look, ...] = ()
    redo: tuple[Look, ...] = ()
    typed: bool = False
    revision: int = 0


@dataclass(frozen=True)
class LookState:
    """All filters by instance number, and all presets by id in their order. revision: counts the changes."""

    filters: Mapping[int, FilterLook] = field(default_factory=lambda: MappingProxyType({}))
    presets: Mapping[str, Preset] = field(default_factory=lambda: MappingProxyType({}))
    revision: int = 0

    def targets(self, target: str) -> list[int]:
        """The instances a target means. Raises LookError naming those there are."""
        if not target:
            return list(self.filters)
        names = {number: filter_look.name for number, filter_look in self.filters.items()}
        exact = [number for number, name in names.items() if name == target]
        matching = exact or [number for number, name in names.items() if name.startswith(target + "/")]
        if not matching:
            known = ", ".join(names.values()) or "none"
            raise LookError(f"no filter is called {target!r}; there are: {known}", "unknown_target")
        return matching

    def preset(self, preset_id: str) -> Preset:
        """A preset by id. Raises LookError naming those there are."""
        if preset_id not in self.presets:
            known = ", ".join(self.presets) or "none yet: the list is still being read"
            raise LookError(f"no preset is called {preset_id!r}; there are: {known}"[:1500])
        return self.presets[preset_id]


Admit = Callable[[int, FilterLook], FilterLook]
"""What becomes of an instance that would look so: this, or something else."""


def as_wished(instance: int, wish: FilterLook) -> FilterLook:
    """Every look may be had."""
    return wish


def apply(
    state: LookState, command: look_commands.LookCommand, numbers: list[int] | None = None, admit: Admit = as_wished
) -> LookState:
    """The state after a command for these instances, by default those that its target means. Raises LookError; the
    state is then unchanged."""
    if isinstance(command, look_commands.ApplyPreset):
        state.preset(command.preset)
    numbers = state.targets(command.target) if numbers is None else numbers
    return _with(state, {number: admit(number, _changed(state, state.filters[number], command)) for number in numbers})


def dressed(look: Look, layers: tuple[Layer, ...]) -> Look:
    """A look with these layers on top; each takes the place of the layer of its name."""
    named = {layer.name for layer in layers}
    return replace(look, layers=tuple(layer for layer in look.layers if layer.name not in named) + layers)


def bared(look: Look, *names: str) -> Look:
    """A look without these layers."""
    return replace(look, layers=tuple(layer for layer in look.layers if layer.name not in names))


def with_preset(look: Look, preset: Preset, fade_ms: int = look_commands.AS_IT_IS) -> Look:
    """A look with a preset put on."""
    worn = _tidy(dressed(look, preset.layers()))
    fade_ms = preset.fade_ms if fade_ms == look_commands.AS_IT_IS else fade_ms
    return replace(worn, preset=preset.id, strength=preset.strength, seed=preset.seed, fade_ms=fade_ms, off=False)


def with_filter(state: LookState, instance: int, name: str, look: Look) -> LookState:
    """A filter appears in this look."""
    return _with(state, {instance: FilterLook(name, look)})


def with_twin(state: LookState, instance: int, twin: int) -> LookState:
    """A filter appears in the look of another of the same name, and with its history."""
    return _with(state, {instance: state.filters[twin]})


def renamed(state: LookState, instance: int, name: str) -> LookState:
    """A filter or its source has another name."""
    return replace(state, filters=_put(state.filters, instance, replace(state.filters[instance], name=name)))


def without_filter(state: LookState, instance: int) -> LookState:
    """A filter is gone."""
    rest = {number: kept for number, kept in state.filters.items() if number != instance}
    return replace(state, filters=MappingProxyType(rest))


def with_presets(state: LookState, presets: Mapping[str, Preset], admit: Admit = as_wished) -> LookState:
    """Another list of presets. Looks that wear one of them wear its new words; what is no longer there stays."""
    state = replace(state, presets=MappingProxyType(dict(presets)))
    reread = {number: replace(now, look=_reread(now.look, presets)) for number, now in state.filters.items()}
    return _with(state, {number: admit(number, wish) for number, wish in reread.items()})


def _with(state: LookState, changed: Mapping[int, FilterLook]) -> LookState:
    """The state with these filters; its revision rises if any of them looks different."""
    new = {n: after for n, after in changed.items() if n not in state.filters or state.filters[n].look != after.look}
    quiet = {n: after for n, after in changed.items() if n not in new}
    revision = state.revision + bool(new)
    marked = {n: replace(after, revision=revision) for n, after in new.items()}
    return replace(state, filters=MappingProxyType({**state.filters, **quiet, **marked}), revision=revision)


def _changed(state: LookState, now: FilterLook, command: look_commands.LookCommand) -> FilterLook:
    if isinstance(command, look_commands.Undo):
        return _undone(now)
    if isinstance(command, look_commands.Redo):
        return _redone(now)
    look = _look_after(state, now.look, command)
    if command.origin == WINDOW and not isinstance(command, (look_commands.TurnOff, look_commands.TurnOn)):
        look = replace(look, off=now.look.off)
    if replace(look, fade_ms=now.look.fade_ms) == now.look:
        return now
    typed = isinstance(command, look_commands.ApplyWords) and command.layer == "prompt" and command.origin == WINDOW
    undo = now.undo if typed and now.typed else (*now.undo, now.look)[-MAX_HISTORY:]
    return replace(now, look=look, undo=undo, redo=(), typed=typed)


def _look_after(state: LookState, look: Look, command: look_commands.LookCommand) -> Look:
    if isinstance(command, look_commands.ApplyPreset):
        return with_preset(look, state.preset(command.preset), command.fade_ms)
    if isinstance(command, look_commands.ApplyWords):
        return _with_words(look, command)
    if isinstance(command, look_commands.TurnOff):
        return replace(look, off=True)
    if isinstance(command, look_commands.TurnOn):
        return replace(look, off=False, fade_ms=0)
    if isinstance(command, look_commands.ClearLook):
        return Look()
    if isinstance(command, look_commands.NextPreset):
        return with_preset(look, _neighbour(state, look.preset, 1))
    if isinstance(command, look_commands.PreviousPreset):
        return with_preset(look, _neighbour(state, look.preset, -1))
    if isinstance(command, look_commands.RandomPreset):
        return with_preset(look, _drawn(state, look.preset, max(0, command.draw)))
    raise LookError(f"{type(command).__name__} is no look command", "unknown_command")


def _with_words(look: Look, command: look_commands.ApplyWords) -> Look:
    words = command.words.strip()
    look = dressed(look, (Layer(command.layer, words),)) if words else bared(look, command.layer)
    return replace(_tidy(look), fade_ms=max(0, command.fade_ms), off=False)


def _undone(now: FilterLook) -> FilterLook:
    if not now.undo:
        return now
    look = replace(now.undo[-1], fade_ms=now.look.fade_ms)  # it goes as it came
    return replace(now, look=look, undo=now.undo[:-1], redo=(*now.redo, now.look), typed=False)


def _redone(now: FilterLook) -> FilterLook:
    if not now.redo:
        return now
    return replace(now, look=now.redo[-1], undo=(*now.undo, now.look), redo=now.redo[:-1], typed=False)


def _tidy(look: Look) -> Look:
    """Without layers that take something off where there is nothing below to take it off from."""
    layers: tuple[Layer, ...] = ()
    for layer in look.layers:
        if layer.words != KEEP or any(below.name == "prompt" for below in layers) and layer.name != "prompt":
            layers += (layer,)
    return replace(look, layers=layers)


def _reread(look: Look, presets: Mapping[str, Preset]) -> Look:
    layers = []
    for layer in look.layers:
        preset = presets.get(layer.preset)
        words = getattr(preset, layer.name) if preset is not None else ""
        layers.append(replace(layer, words=words) if words else layer)
    preset = presets.get(look.preset)
    if preset is not None:
        look = replace(look, strength=preset.strength, seed=preset.seed)
    return replace(look, layers=tuple(layers))


def _ids(state: LookState) -> list[str]:
    if not state.presets:
        raise LookError("there are no presets yet: the list is still being read", "no_presets")
    return list(state.presets)


def _neighbour(state: LookState, preset_id: str, step: int) -> Preset:
    ids = _ids(state)
    place = ids.index(preset_id) + step if preset_id in ids else min(step, 0)  # else the first or the last
    return state.presets[ids[place % len(ids)]]


def _drawn(state: LookState, preset_id: str, draw: int) -> Preset:
    ids = _ids(state)
    others = [other for other in ids if other != preset_id] or ids
    return state.presets[others[draw % len(others)]]


def _put(filters: Mapping[int, FilterLook], instance: int, changed: FilterLook) -> Mapping[int, FilterLook]:
    return MappingProxyType({**filters, instance: changed})
