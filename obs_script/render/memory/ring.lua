-- SPDX-License-Identifier: Apache-2.0
-- Frame rings as the Lua half uses them: writer of the input ring, reader of the output ring.
--
-- shared/ring/ring.py specifies the layout and the protocol; a field that moves there moves here, in M.at and M.half (and
-- LAYOUT_VERSION with it). The rings are mapped by the plugin's Python half in
-- this same process; attach() takes addresses, and nothing here maps, unmaps, waits or allocates per frame.
-- Called on OBS's graphics thread only.

local LAYOUT_VERSION, HEADER_BYTES, SLOT_HEADER_BYTES = 1, 4096, 128
local BGRA8 = 1

return function(native)
  local ffi = native.ffi
  local M = {}
  -- Where a slot's fields lie: as words of 8 bytes, as halves of 4.
  local at = {
    sequence = 0,
    frame_id = 1,
    timestamp_ns = 2,
    generation = 5,
    mapped_ns = 6,
    received_ns = 7,
    finished_ns = 8,
    flags = 9,
  }
  local half = { width_px = 6, height_px = 7, stride_bytes = 8, pixel_format = 9 }
  M.at = at

  -- A ring mapped at `address`, or nil when what lies there is not one of this layout.
  function M.attach(address)
    local base = ffi.cast("uint8_t *", ffi.cast("uintptr_t", address))
    local u32, u64 = ffi.cast("uint32_t *", base), ffi.cast("uint64_t *", base)
    if address == 0 or ffi.string(base, 8) ~= "MIRAGERG" or u32[2] ~= LAYOUT_VERSION then
      return nil
    end
    local ring = {
      count = u32[3],
      stride_bytes = tonumber(u64[2]),
      head = ffi.cast("volatile uint64_t *", base) + 8,
      words = {},
      halves = {},
      pixels = {},
    }
    ring.payload_bytes = ring.stride_bytes - SLOT_HEADER_BYTES
    ring.max_width_px, ring.max_height_px = u32[6], u32[7]
    for index = 0, ring.count - 1 do
      local slot = base + HEADER_BYTES + index * ring.stride_bytes
      ring.words[index] = ffi.cast("volatile uint64_t *", slot)
      ring.halves[index] = ffi.cast("uint32_t *", slot)
      ring.pixels[index] = slot + SLOT_HEADER_BYTES
    end
    ring.published = tonumber(ring.head[0])
    return ring
  end

  function M.fits(ring, width_px, height_px)
    return width_px <= ring.max_width_px and height_px <= ring.max_height_px
  end

  -- Copy a mapped staging surface into the next slot and publish it, rows made tight.
  function M.publish(ring, frame_id, captured_ns, generation, width_px, height_px, source, source_stride)
    local number = ring.published + 1
    local index = (number - 1) % ring.count
    local words, halves, stride = ring.words[index], ring.halves[index], width_px * 4
    words[at.sequence] = 2 * number - 1
    native.fence()
    if source_stride == stride then
      ffi.copy(ring.pixels[index], source, stride * height_px)
    else
      for row = 0, height_px - 1 do
        ffi.copy(ring.pixels[index] + row * stride, source + row * source_stride, stride)
      end
    end
    words[at.frame_id], words[at.timestamp_ns] = frame_id, captured_ns
    halves[half.width_px], halves[half.height_px] = width_px, height_px
    halves[half.stride_bytes], halves[half.pixel_format] = stride, BGRA8
    words[at.generation], words[at.mapped_ns] = generation, native.now_ns()
    words[at.received_ns], words[at.finished_ns], words[at.flags] = 0, 0, 0
    native.fence()
    words[at.sequence] = 2 * number
    native.fence()
    ring.head[0] = number
    ring.published = number
  end

  -- Number of the newest whole frame after `seen` that was captured at or before `due_ns`, or nil.
  function M.newest(ring, seen, due_ns)
    local head = tonumber(ring.head[0])
    local oldest = math.max(seen + 1, head - ring.count + 2, 1)
    for number = head, oldest, -1 do
      local words = ring.words[(number - 1) % ring.count]
      if tonumber(words[at.sequence]) == 2 * number and tonumber(words[at.timestamp_ns]) <= due_ns then
        native.fence()
        return number
      end
    end
    return nil
  end

  -- True while frame `number` has not been written over.
  function M.still_whole(ring, number)
    native.fence()
    return tonumber(ring.words[(number - 1) % ring.count][at.sequence]) == 2 * number
  end

  -- Where the frame of this id lies, or nil if it is no longer there.
  function M.index_of(ring, frame_id)
    for index = 0, ring.count - 1 do
      local words = ring.words[index]
      if tonumber(words[at.frame_id]) == frame_id and tonumber(words[at.sequence]) > 0 then
        return index
      end
    end
    return nil
  end

  -- width_px, height_px, stride_bytes of a frame; nil unless they are possible in this ring.
  function M.shape(ring, number)
    return M.shape_at(ring, (number - 1) % ring.count)
  end

  -- The same by the frame's place.
  function M.shape_at(ring, index)
    local halves = ring.halves[index]
    local width, height, stride = halves[half.width_px], halves[half.height_px], halves[half.stride_bytes]
    if width < 1 or height < 1 or width > 16384 or height > 16384 or halves[half.pixel_format] ~= BGRA8
      or stride < width * 4 or stride * height > ring.payload_bytes then
      return nil
    end
    return width, height, stride
  end

  return M
end
