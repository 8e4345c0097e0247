-- SPDX-License-Identifier: Apache-2.0
-- The control block as the Lua half sees it: words and texts of the header and of one slot per stream.
--
-- All functions may be called on any of OBS's threads; the script's own mutex, held by OBS around every
-- callback, makes it one at a time. control_block.py says who writes what.

return function(native, layout, address)
  local ffi = native.ffi
  local base = ffi.cast("uint8_t *", ffi.cast("uintptr_t", address))
  local M = { header = {} }

  -- Typed pointers to the words of an area, so that a frame needs no pointer arithmetic by name.
  local function words_of(start, offsets)
    local words = {}
    for name, offset in pairs(offsets) do
      words[name] = ffi.cast("volatile uint64_t *", start + offset)
    end
    return words
  end

  local function revise(start, odd)
    local revision = ffi.cast("volatile uint64_t *", start)
    local now = tonumber(revision[0])
    local even = now - now % 2
    native.fence()
    revision[0] = odd and even + 1 or even + 2
    native.fence()
  end

  local function put_bytes(start, place, source, size)
    if size > place[2] then
      size = place[2]
    end
    start = start + place[1]
    revise(start, true)
    ffi.cast("uint64_t *", start)[1] = size
    ffi.copy(start + 16, source, size)
    revise(start, false)
  end

  local function text_at(start, place)
    local words = ffi.cast("volatile uint64_t *", start + place[1])
    for _ = 1, 3 do
      local revision = tonumber(words[0])
      local size = math.min(tonumber(words[1]), place[2])
      if revision % 2 == 0 then
        local text = ffi.string(start + place[1] + 16, size)
        native.fence()
        if tonumber(words[0]) == revision then
          return text
        end
      end
    end
    return ""
  end

  M.header = words_of(base, layout.header_words)

  function M.header_text(name)
    return text_at(base, layout.header_texts[name])
  end

  -- Take a free slot for a new stream; nil when all are in use. The settings must be there before `instance`
  -- is, hence `fill`, which is called in between.
  function M.take_slot(fill)
    for number = 0, layout.SLOT_COUNT - 1 do
      local start = base + layout.HEADER_BYTES + number * layout.SLOT_BYTES
      local words = words_of(start, layout.slot_words)
      if tonumber(words.instance[0]) == 0 then
        for name, offset in pairs(layout.slot_words) do
          if offset < layout.slot_words.epoch then
            words[name][0] = 0
          end
        end
        local slot = { start = start, words = words, number = number, epoch = tonumber(words.epoch[0]) }
        fill(slot)
        local instance = tonumber(M.header.next_instance[0]) + 1
        M.header.next_instance[0], slot.instance = instance, instance
        native.fence()
        words.instance[0] = instance
        return slot
      end
    end
    return nil
  end

  function M.free_slot(slot)
    native.fence()
    slot.words.instance[0] = 0
  end

  function M.put_text(slot, name, text)
    put_bytes(slot.start, layout.slot_texts[name], text, #text)
  end

  function M.slot_text(slot, name)
    return text_at(slot.start, layout.slot_texts[name])
  end

  function M.revision(slot, name)
    return tonumber(ffi.cast("volatile uint64_t *", slot.start + layout.slot_texts[name][1])[0])
  end

  -- Write a C string if it differs from what is there; makes no Lua string. True if it was written.
  function M.put_c_string(slot, name, text)
    local place = layout.slot_texts[name]
    local size = tonumber(ffi.C.strlen(text))
    local there = slot.start + place[1]
    if size > place[2] then
      size = place[2]
    end
    if tonumber(ffi.cast("uint64_t *", there)[1]) == size and ffi.C.strncmp(there + 16, text, size) == 0 then
      return false
    end
    put_bytes(slot.start, place, text, size)
    return true
  end

  -- Hand a graphics object to the Python half for freeing. When the list is full it leaks: better than a lock.
  function M.discard(kind, object)
    local head, tail = tonumber(M.header.trash_head[0]), tonumber(M.header.trash_tail[0])
    if head - tail >= layout.TRASH_ENTRIES then
      return
    end
    local entry = ffi.cast("uint64_t *", base + layout.TRASH_OFFSET) + head % layout.TRASH_ENTRIES * 2
    entry[0] = kind
    entry[1] = ffi.cast("uintptr_t", object)
    native.fence()
    M.header.trash_head[0] = head + 1
  end

  -- Append to the latency log; every argument is a number, but ticks: {captured, shown}.
  function M.log_latency(slot, frame_id, captured, mapped, received, finished, shown, ticks, generation)
    local head = tonumber(slot.words.latency_head[0])
    local place = layout.LATENCY_OFFSET + head % layout.LATENCY_ENTRIES * layout.LATENCY_ENTRY_BYTES
    local entry = ffi.cast("uint64_t *", slot.start + place)
    entry[0], entry[1], entry[2], entry[3] = frame_id, captured, mapped, received
    entry[4], entry[5], entry[6], entry[7] = finished, shown, ticks[0], ticks[1]
    entry[8] = generation
    native.fence()
    slot.words.latency_head[0] = head + 1
  end

  return M
end
