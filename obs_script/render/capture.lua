-- SPDX-License-Identifier: Apache-2.0
-- The way of the source's picture into a stream's input ring, and whether a twin's picture is the same.
--
-- Called on OBS's graphics thread inside `video_render`; nothing here waits. The rules:
-- * The source is read back at most once per OBS frame and no more often than the target rate asks.
-- * What was read back is sent at the size it had, also when the source has another size by now.
-- * Where a read-back in the same OBS frame made OBS wait of late (software drawing on a busy machine), "auto" sends in
--   the next frame for a while; and a worker that is slow is sent no more than twice what it can take.
-- * A twin drawn in the same OBS frame is not sent: now and then it is read back as well and compared, every byte.

local SECOND_NS = 1e9
local EARLY_NS = 2e6 -- a frame this much before its time counts as in time
local COMPARE_EVERY_TICKS = 6
local FRAMES_KEPT = 256
local LONG_WAIT_NS, WAITS_AFTER_NS = 8e6, 60e9 -- a read-back that long; and for how long none waits after one
local CAPTURES_A_RESULT = 2

return function(native, rings, draw, ages)
  local ffi = native.ffi
  local M = {}

  -- What a stream needs for capturing, put into its table.
  function M.prepare(self)
    self.frame_id, self.sent_id, self.captured_tick = 0, 0, -1
    self.ticks = ffi.new("double[?]", FRAMES_KEPT)
    self.staged_at, self.staged_id = ffi.new("double[2]"), ffi.new("double[2]")
    self.index = 0 -- of the staging surface used last
    self.next_capture_ns = 0
    self.patient_until_ns = 0 -- until then pictures are sent in the next OBS frame
  end

  -- The OBS frame in which a frame was captured.
  function M.tick_of(self, frame_id)
    return self.ticks[frame_id % FRAMES_KEPT]
  end

  function M.ask_for_size(self, width_px, height_px)
    local words = self.slot.words
    if self.asked_width_px ~= width_px or self.asked_height_px ~= height_px then
      self.asked_width_px, self.asked_height_px = width_px, height_px
      words.want_width_px[0], words.want_height_px[0] = width_px, height_px
      M.ring_plugin()
    end
  end

  -- Copy a staged picture into the input ring and wake the worker.
  local function send(self, index)
    local gpu = self.gpu
    if not rings.fits(self.input, gpu.width_px, gpu.height_px) then
      return
    end
    local began_ns = native.now_ns()
    local pixels, stride = draw.map(gpu, index)
    if pixels == nil then
      return
    end
    local now_ns = native.now_ns()
    if now_ns - began_ns > LONG_WAIT_NS then
      self.patient_until_ns = now_ns + WAITS_AFTER_NS
    end
    local generation = tonumber(self.slot.words.generation[0])
    local captured_ns, frame_id = self.staged_at[index], self.staged_id[index]
    rings.publish(self.input, frame_id, captured_ns, generation, gpu.width_px, gpu.height_px, pixels, stride)
    draw.unmap(gpu, index)
    self.sent_id = frame_id
    M.ring_worker()
  end

  -- Measured on OBS's own frame times, which lie on its grid however late this render comes.
  local function is_due(self)
    local frame_ns = tonumber(native.C.obs_get_video_frame_time())
    if frame_ns + EARLY_NS < self.next_capture_ns then
      return false
    end
    local period_ns = math.max(SECOND_NS / self.options.target_fps, self.age.result_every_ns / CAPTURES_A_RESULT)
    self.next_capture_ns = math.max(self.next_capture_ns + period_ns, frame_ns)
    return true
  end

  local function stage(self, target, parent, now)
    local index = 1 - self.index
    if not draw.stage(self.gpu, target, parent, index) then
      return false
    end
    self.index = index
    self.frame_id = self.frame_id + 1
    self.captured_tick = self.tick
    self.staged_at[index], self.staged_id[index] = now, self.frame_id
    self.ticks[self.frame_id % FRAMES_KEPT] = self.tick
    ages.note_capture(self.age, self.frame_id)
    self.slot.words.frames_captured[0] = self.frame_id
    return true
  end

  -- Send what was read back in the frame before, and read back this one.
  function M.step(self, target, parent, width_px, height_px, now)
    if not self.served or tonumber(self.slot.words.ready[0]) == 0 then
      self.gpu.staged = nil
      return
    end
    if self.gpu.staged then
      send(self, self.gpu.staged)
      self.gpu.staged = nil
    end
    if not rings.fits(self.input, width_px, height_px) or not draw.resize(self.gpu, width_px, height_px) then
      return
    end
    if is_due(self) and stage(self, target, parent, now) then
      local mode = self.options.capture_mode
      local quick = now >= self.patient_until_ns and native.software_rendered()
      if mode == "same_frame" or mode == "auto" and quick then
        send(self, self.index)
      else
        self.gpu.staged = self.index
      end
    end
  end

  -- Whether the twin's picture is byte for byte what was sent; true as well when that can no longer be told.
  local function same_bytes(self, twin)
    local gpu, index = twin.gpu, rings.index_of(self.input, twin.staged_id)
    if index == nil then
      return true
    end
    local width_px, height_px, stride_bytes = rings.shape_at(self.input, index)
    if width_px ~= gpu.width_px or height_px ~= gpu.height_px then
      return false
    end
    local pixels, stride = draw.map(gpu, 0)
    if pixels == nil then
      return true
    end
    local same, sent = true, self.input.pixels[index]
    for row = 0, height_px - 1 do
      if ffi.C.memcmp(sent + row * stride_bytes, pixels + row * stride, width_px * 4) ~= 0 then
        same = false
        break
      end
    end
    draw.unmap(gpu, 0)
    return same
  end

  -- False once what a twin shows differs from what the stream captured. Called when the twin is drawn in an OBS frame
  -- in which another filter of the stream has been drawn already.
  function M.agrees(self, twin, target, parent, width_px, height_px)
    if twin.staged_id and self.input and self.sent_id >= twin.staged_id then
      local same = same_bytes(self, twin)
      twin.staged_id = nil
      if not same then
        return false
      end
    end
    if self.captured_tick ~= self.tick or self.tick < (twin.compare_tick or 0) then
      return true
    end
    twin.compare_tick = self.tick + COMPARE_EVERY_TICKS
    twin.gpu = twin.gpu or draw.new()
    if draw.resize(twin.gpu, width_px, height_px) and draw.stage(twin.gpu, target, parent, 0) then
      twin.staged_id = self.frame_id
    end
    return true
  end

  return M
end
