-- SPDX-License-Identifier: Apache-2.0
-- The "Mirage LSD" filter's render half: an OBS script source, loaded by filter_host.py through libobs-scripting.
--
-- It captures, presents, and shows properties; everything else is the Python half's, and the two meet in the
-- control block (control_block.py). No function here enters graphics outside `video_render`, does I/O, or
-- waits: OBS holds this script's mutex around each of them, and the graphics thread needs it every frame.
-- Script settings: control_block, worker_bell, plugin_bell (addresses or handles in this process, as decimal
-- text), defaults (an object), layout_version and release of the Python half, refusal (see filter_refusal.lua).

local obs = obslua
local folder = script_path()
local NAME_TICKS = 30

local function part(name, ...)
  return dofile(folder .. name)
end

local native, layout, refusal = part("filter_ffi.lua"), part("filter_layout.lua"), part("filter_refusal.lua")
local C = native.C
local block, frames, properties, draw

local function number_setting(settings, name)
  return assert(tonumber(obs.obs_data_get_string(settings, name)), name .. " is missing: load this script by the plugin")
end

local function connect(settings)
  block = part("filter_block.lua")(native, layout, number_setting(settings, "control_block"))
  draw = part("filter_draw.lua")(native)
  frames = part("filter_frame.lua")(native, layout, block, part("filter_ring.lua")(native), draw,
    part("filter_age.lua")(native))
  properties = part("filter_properties.lua")(obs, native, block)
  frames.ring_worker = native.doorbell(number_setting(settings, "worker_bell"))
  frames.ring_plugin = native.doorbell(number_setting(settings, "plugin_bell"))
  properties.ring_plugin = frames.ring_plugin
  properties.read_defaults(settings)
end

local function note_names(state)
  local parent = C.obs_filter_get_parent(state.source)
  if parent ~= nil and state.slot then
    local changed = block.put_c_string(state.slot, "parent_name", C.obs_source_get_name(parent))
    changed = block.put_c_string(state.slot, "filter_name", C.obs_source_get_name(state.source)) or changed
    if changed then
      frames.ring_plugin()
    end
  end
end

-- Width or height of what is below the filter, in pixels; 0 while there is nothing.
local function size_below(source, measure)
  local target = C.obs_filter_get_target(source)
  return target ~= nil and measure(target) or 0
end

local function render(state)
  local target, parent = C.obs_filter_get_target(state.source), C.obs_filter_get_parent(state.source)
  if target == nil or parent == nil then
    return
  end
  local width_px, height_px = C.obs_source_get_base_width(target), C.obs_source_get_base_height(target)
  if width_px == 0 or height_px == 0 then
    state.styled = false
    state.slot.words.showing_styled[0], state.slot.words.reason[0] = 0, layout.reasons.no_size
    C.obs_source_skip_video_filter(state.source)
    return
  end
  if state.rendered_tick ~= state.tick then
    state.rendered_tick = state.tick
    frames.step(state, target, parent, width_px, height_px)
  end
  if state.styled then
    frames.draw(state, width_px, height_px)
  else
    C.obs_source_skip_video_filter(state.source)
  end
end

-- After an error in a frame the filter stays out of the picture: a source untouched is the safe state.
local function give_up(state, message)
  state.broken = true
  state.slot.words.lua_errors[0] = tonumber(state.slot.words.lua_errors[0]) + 1
  state.slot.words.reason[0], state.slot.words.showing_styled[0] = layout.reasons.script_error, 0
  block.put_text(state.slot, "error", tostring(message))
  frames.ring_plugin()
end

local info = {
  id = "mirage_lsd",
  type = obs.OBS_SOURCE_TYPE_FILTER,
  output_flags = bit.bor(obs.OBS_SOURCE_VIDEO, obs.OBS_SOURCE_SRGB),
}

function info.get_name()
  return "Mirage LSD"
end

function info.create(settings, source)
  local state = frames.new(native.pointer(source), properties.options(settings))
  state.slot = block.take_slot(function(slot)
    block.put_text(slot, "settings", properties.json(settings))
    block.put_text(slot, "error", "")
  end)
  state.broken = state.slot == nil
  frames.ring_plugin()
  return state
end

function info.destroy(state)
  draw.discard(state.gpu, block.discard)
  if state.slot then
    block.free_slot(state.slot)
    state.slot, state.broken = nil, true
  end
  frames.ring_plugin()
end

function info.update(state, settings)
  state.options = properties.options(settings)
  if state.slot then
    block.put_text(state.slot, "settings", properties.json(settings))
    frames.ring_plugin()
  end
end

function info.get_defaults(settings)
  properties.set_defaults(settings)
end

function info.get_properties(state)
  return properties.build(state)
end

function info.get_width(state)
  return size_below(state.source, C.obs_source_get_base_width)
end

function info.get_height(state)
  return size_below(state.source, C.obs_source_get_base_height)
end

function info.video_tick(state)
  frames.tick(state)
  if state.tick % NAME_TICKS == 1 then
    note_names(state)
  end
end

function info.video_render(state)
  if not state.broken then
    local fine, message = pcall(render, state)
    if fine then
      return
    end
    give_up(state, message)
  end
  C.obs_source_skip_video_filter(state.source)
end

function script_description()
  return "The Mirage LSD filter's render half. Do not add this file: add mirage_lsd_obs.py."
end

-- OBS calls this with the settings the script was created with; without them (added by hand) it refuses.
function script_load(settings)
  local why = refusal.why(settings, layout.LAYOUT_VERSION)
  if why == "" then
    connect(settings)
  else
    info = refusal.source(native, info.id, why, { info.get_width, info.get_height })
  end
  obs.obs_register_source(info)
end
