-- SPDX-License-Identifier: Apache-2.0
-- Which filters show one stream.
--
-- In studio mode OBS puts a copy of the scene on air, with copies of its filters: twins, which have the names of source
-- and filter in common. Twins share a stream, that is rings, slot and picture, while their settings agree and the
-- pictures below them are the same; else each has its own, and a new one begins with its twin's picture. The stream
-- is captured where it is drawn first in an OBS frame, and OBS draws the program before any preview.
--
-- Called on any of OBS's threads, under the script's mutex; nothing here enters graphics or waits. Invariants: a stream
-- has at least one filter, the oldest first; what the user changes in one filter's window changes for that filter
-- alone, what the Python half writes into the settings for all that share the stream.

local NAME_TICKS = 30

return function(native, block, frames, draw, twins_among)
  local ffi, C = native.ffi, native.C
  local M = { all = {} }
  local twins = twins_among(M.all)
  local made = 0

  local function name_of(source)
    return ffi.string(C.obs_source_get_name(source))
  end

  local function note_names(stream)
    local source = stream.members[1].source
    local parent = C.obs_filter_get_parent(source)
    if parent == nil then
      return
    end
    local changed = block.put_c_string(stream.slot, "parent_name", C.obs_source_get_name(parent))
    changed = block.put_c_string(stream.slot, "filter_name", C.obs_source_get_name(source)) or changed
    if changed then
      stream.key = name_of(parent) .. "\0" .. name_of(source)
      M.ring_plugin()
    end
  end

  -- The oldest filter is the one of the saved scene, if it is among them; the Python half knows it by its address.
  local function note_oldest(stream)
    stream.slot.words.source[0] = ffi.cast("uintptr_t", stream.members[1].source)
  end

  local function add(stream, filter)
    table.insert(stream.members, filter)
    table.sort(stream.members, twins.older)
    filter.stream = stream
    note_oldest(stream)
  end

  local function take_settings(stream, options)
    if stream.options.text ~= options.text then
      block.put_text(stream.slot, "settings", options.text)
    end
    stream.options = options
  end

  -- A stream of its own for a filter; nil when all slots are in use.
  local function new_stream(filter)
    local stream = frames.new(filter.options)
    stream.slot = block.take_slot(function(slot)
      block.put_text(slot, "settings", filter.options.text)
      block.put_text(slot, "error", "")
    end)
    if stream.slot == nil then
      return nil
    end
    stream.members = {}
    add(stream, filter)
    note_names(stream)
    M.all[#M.all + 1] = stream
    return stream
  end

  local function remove(list, one)
    for index = #list, 1, -1 do
      if list[index] == one then
        table.remove(list, index)
      end
    end
  end

  -- A stream without filters ends; its picture goes on in a twin that lacks one.
  local function dissolve(stream)
    remove(M.all, stream)
    for _, other in ipairs(M.all) do
      if other.key == stream.key then
        frames.bequeath(stream, other)
      end
    end
    draw.discard(stream.gpu, block.discard)
    block.free_slot(stream.slot)
  end

  local function take_out(filter)
    local stream = filter.stream
    filter.stream = nil
    remove(stream.members, filter)
    if filter.gpu then
      draw.discard(filter.gpu, block.discard) -- what it was compared with its twin by
    end
    filter.gpu, filter.staged_id, filter.compare_tick = nil, nil, nil
    if #stream.members == 0 then
      dissolve(stream)
    else
      note_oldest(stream)
    end
  end

  -- A filter as OBS creates it; it has no stream before its first frame, since it has no source yet.
  function M.new_filter(source, options)
    made = made + 1
    return { source = source, number = made, options = options, tick = 0 }
  end

  local function enter(filter)
    local parent = C.obs_filter_get_parent(filter.source)
    if parent == nil then
      return
    end
    local stream = twins.agreeing(name_of(parent) .. "\0" .. name_of(filter.source), filter.options)
    if stream then
      add(stream, filter)
      stream.slot.words.apart[0] = 0
    else
      filter.homeless = new_stream(filter) == nil
    end
    M.ring_plugin()
  end

  -- All filters of a stream go over to the one that the Python half names, since their settings agree again.
  local function follow_join(stream)
    local wanted = stream.served and tonumber(stream.slot.words.join[0]) or 0
    local other = wanted > 0 and twins.by_instance(stream.key, wanted)
    if not other or other == stream then
      return
    end
    if twins.older(stream.members[1], other.members[1]) then
      take_settings(other, stream.options)
    end
    for index = #stream.members, 1, -1 do
      local filter = stream.members[index]
      take_out(filter)
      add(other, filter)
    end
    M.ring_plugin()
  end

  -- Once per OBS frame for each filter.
  function M.tick(filter)
    local stream = filter.stream
    if stream == nil then
      filter.tick = filter.tick + 1
      if not filter.homeless or filter.tick % NAME_TICKS == 0 then
        enter(filter)
      end
    elseif stream.members[1] == filter then
      frames.tick(stream)
      if stream.tick % NAME_TICKS == 1 then
        note_names(stream)
      end
      follow_join(stream)
    end
  end

  -- A stream of its own for a filter that shares one. apart: because of its picture, not of its settings. False when
  -- all slots are in use.
  function M.split(filter, apart)
    local shared = filter.stream
    if apart then
      filter.options = shared.options
    end
    if #shared.members == 1 then
      return false
    end
    take_out(filter)
    local stream = new_stream(filter)
    if stream == nil then
      add(shared, filter)
      return false
    end
    stream.slot.words.apart[0] = apart and 1 or 0
    M.ring_plugin()
    return true
  end

  -- The stream that the user means by something in this filter's window.
  function M.of_window(filter)
    if filter.stream and #filter.stream.members > 1 then
      M.split(filter, false)
    end
    return filter.stream
  end

  local function written_by_plugin(stream, look)
    return look ~= stream.options.look and stream.served and look == tonumber(stream.slot.words.look_written[0])
  end

  -- A filter has other settings.
  function M.update(filter, options)
    local stream = filter.stream
    filter.options = options
    if stream then
      local alone = #stream.members == 1 or options.agreed == stream.options.agreed
      if alone or written_by_plugin(stream, options.look) or not M.split(filter, false) then
        take_settings(stream, options)
      end
      M.ring_plugin()
    end
  end

  function M.leave(filter)
    if filter.stream then
      take_out(filter)
    end
    M.ring_plugin()
  end

  -- A twin's stream whose picture may stand in for this one's, or nil.
  function frames.find_lender(stream, now)
    return twins.lender(stream, frames.lends, now)
  end

  return M
end
