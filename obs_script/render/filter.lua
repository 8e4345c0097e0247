-- SPDX-License-Identifier: Apache-2.0
-- The "Mirage LSD" filter's render half: an OBS script source, loaded by filter_host.py through libobs-scripting.
--
-- It captures, presents, and shows properties; everything else is the Python half's, and the two meet in the
-- control block (control_block.py). No function here enters graphics outside `video_render`, does I/O, or
-- waits: OBS holds this script's mutex around each of them, and the graphics thread needs it every frame.
-- Script settings: control_block, worker_bell, plugin_bell (addresses or handles in this process, as decimal
-- text), defaults (an object), layout_version and release of the Python half, refusal (see refusal.lua).

local obs = obslua
local folder = script_path()

local function part(name, ...)
  return dofile(folder .. name)
end

local native, layout, refusal = part("memory/ffi.lua"), part("memory/block_layout.lua"), part("refusal.lua")
local C, shows = native.C, layout.shows
local block, captures, frames, streams, settings_of, properties

local function number_setting(settings, name)
  return assert(tonumber(obs.obs_data_get_string(settings, name)), name .. " is missing: load this script by the plugin")
end

local function connect(settings)
  block = part("memory/block.lua")(native, layout, number_setting(settings, "control_block"))
  local draw, rings, ages = part("draw.lua")(native), part("memory/ring.lua")(native), part("age.lua")(native)
  captures = part("capture.lua")(native, rings, draw, ages)
  frames = part("frame.lua")(native, layout, block, rings, draw, ages, captures)
  streams = part("streams.lua")(native, block, frames, draw, part("twins.lua"))
  settings_of = part("settings.lua")(obs, layout)
  properties = part("properties.lua")(obs, native, block, streams)
  captures.ring_worker = native.doorbell(number_setting(settings, "worker_bell"))
  captures.ring_plugin = native.doorbell(number_setting(settings, "plugin_bell"))
  streams.ring_plugin, properties.ring_plugin = captures.ring_plugin, captures.ring_plugin
  settings_of.read_defaults(settings)
end

-- Width or height of what is below the filter, in pixels; 0 while there is nothing.
local function size_below(source, measure)
  local target = C.obs_filter_get_target(source)
  return target ~= nil and measure(target) or 0
end

local function show(filter, width_px, height_px)
  local stream = filter.stream
  if stream.shows == shows.source then
    C.obs_source_skip_video_filter(filter.source)
  elseif stream.shows ~= shows.nothing then
    frames.draw(stream, width_px, height_px)
  end
end

local function render(filter)
  local target, parent = C.obs_filter_get_target(filter.source), C.obs_filter_get_parent(filter.source)
  if target == nil or parent == nil then
    return
  end
  local stream = filter.stream
  local width_px, height_px = C.obs_source_get_base_width(target), C.obs_source_get_base_height(target)
  if width_px == 0 or height_px == 0 then
    frames.no_size(stream)
  elseif stream.rendered_tick ~= stream.tick then
    stream.rendered_tick, stream.drawn_by = stream.tick, filter
    frames.step(stream, target, parent, width_px, height_px)
  elseif stream.drawn_by ~= filter and not captures.agrees(stream, filter, target, parent, width_px, height_px)
    and streams.split(filter, true) then
    frames.step(filter.stream, target, parent, width_px, height_px)
  end
  show(filter, width_px, height_px)
end

-- After an error in a frame the stream's figures stand still; what is shown is safe (see without_stream).
local function give_up(stream, message)
  stream.broken = true
  stream.slot.words.lua_errors[0] = tonumber(stream.slot.words.lua_errors[0]) + 1
  stream.slot.words.reason[0], stream.slot.words.showing_styled[0] = layout.reasons.script_error, 0
  stream.slot.words.shows[0] = stream.options.when_unstyled
  block.put_text(stream.slot, "error", tostring(message))
  captures.ring_plugin()
end

-- What a filter shows that has no stream (too many, or its first frame) or whose stream met an error.
local function without_stream(filter)
  local stream = filter.stream
  local options = stream and stream.options or filter.options
  if not options.enabled or options.when_unstyled == shows.source then
    C.obs_source_skip_video_filter(filter.source)
  elseif stream and options.when_unstyled == shows.last and stream.gpu.shown then
    local width_px = size_below(filter.source, C.obs_source_get_base_width)
    pcall(frames.draw, stream, width_px, size_below(filter.source, C.obs_source_get_base_height))
  end
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
  return streams.new_filter(native.pointer(source), settings_of.read(settings))
end

function info.destroy(filter)
  streams.leave(filter)
end

function info.update(filter, settings)
  streams.update(filter, settings_of.read(settings))
end

function info.get_defaults(settings)
  settings_of.set_defaults(settings)
end

function info.get_properties(filter)
  return properties.build(filter)
end

function info.get_width(filter)
  return size_below(filter.source, C.obs_source_get_base_width)
end

function info.get_height(filter)
  return size_below(filter.source, C.obs_source_get_base_height)
end

function info.video_tick(filter)
  streams.tick(filter)
end

function info.video_render(filter)
  if filter.stream and not filter.stream.broken then
    local fine, message = pcall(render, filter)
    if fine then
      return
    end
    give_up(filter.stream, message)
  end
  without_stream(filter)
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
