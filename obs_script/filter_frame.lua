-- SPDX-License-Identifier: Apache-2.0
-- What one filter does in one OBS frame: capture, present, and decide between styled picture and source.
--
-- Called on OBS's graphics thread inside `video_render`; nothing here waits. The rules:
-- * The source is read back at most once per OBS frame and no more often than the target rate asks.
-- * Between results the last processed picture stays, until filter_age.lua finds it stale; the source is shown
--   at once when the worker is gone or the filter is off.
-- * A result of older settings than the worker has acknowledged is never shown.
-- * Back from the source only at the third steady frame: results that came before the one before went stale.

local STEADY_FRAMES, SECOND_NS = 3, 1e9
local EARLY_NS = 2e6 -- a frame this much before its time counts as in time
local FRAMES_KEPT = 256

return function(native, layout, block, rings, draw, ages)
  local reasons, ffi = layout.reasons, native.ffi
  local M = {}

  function M.new(source, options)
    return {
      source = source,
      options = options,
      gpu = draw.new(),
      tick = 0,
      rendered_tick = -1,
      frame_id = 0,
      ticks = ffi.new("double[?]", FRAMES_KEPT),
      staged_at = ffi.new("double[2]"),
      staged_id = ffi.new("double[2]"),
      log_ticks = ffi.new("double[2]"), -- captured, shown
      index = 0, -- of the staging surface used last
      seen = 0, -- newest result taken
      steady = 0,
      styled = false,
      next_capture_ns = 0,
      age = ages.new(),
    }
  end

  local function count(self, name)
    local word = self.slot.words[name]
    word[0] = tonumber(word[0]) + 1
  end

  -- Take over the rings of a new epoch from the Python half.
  local function follow_epoch(self)
    local words = self.slot.words
    local epoch = tonumber(words.epoch[0])
    if epoch == self.slot.epoch then
      return
    end
    self.slot.epoch = epoch
    self.input = rings.attach(tonumber(words.input_address[0]))
    self.output = rings.attach(tonumber(words.output_address[0]))
    self.seen, self.gpu.staged, self.steady = 0, nil, 0
    if self.input and self.output then
      words.mapped_epoch[0] = epoch
    else
      self.input, self.output = nil, nil
      words.refused_epoch[0] = epoch
    end
    M.ring_plugin()
  end

  local function ask_for_size(self, width_px, height_px)
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
    local pixels, stride = draw.map(gpu, index)
    if pixels == nil then
      return
    end
    local generation = tonumber(self.slot.words.generation[0])
    local captured_ns, frame_id = self.staged_at[index], self.staged_id[index]
    rings.publish(self.input, frame_id, captured_ns, generation, gpu.width_px, gpu.height_px, pixels, stride)
    draw.unmap(gpu, index)
    M.ring_worker()
  end

  -- Measured on OBS's own frame times, which lie on its grid however late this render comes.
  local function capture_is_due(self)
    local frame_ns = tonumber(native.C.obs_get_video_frame_time())
    if frame_ns + EARLY_NS < self.next_capture_ns then
      return false
    end
    self.next_capture_ns = math.max(self.next_capture_ns + SECOND_NS / self.options.target_fps, frame_ns)
    return true
  end

  local function stage(self, target, parent, now)
    local index = 1 - self.index
    if not draw.stage(self.gpu, target, parent, index) then
      return false
    end
    self.index = index
    self.frame_id = self.frame_id + 1
    self.staged_at[index], self.staged_id[index] = now, self.frame_id
    self.ticks[self.frame_id % FRAMES_KEPT] = self.tick
    ages.note_capture(self.age, self.frame_id)
    self.slot.words.frames_captured[0] = self.frame_id
    return true
  end

  local function capture(self, target, parent, width_px, height_px, now)
    if tonumber(self.slot.words.ready[0]) == 0 or not rings.fits(self.input, width_px, height_px) then
      self.gpu.staged = nil
      return
    end
    if not draw.resize(self.gpu, width_px, height_px) then
      return
    end
    if self.gpu.staged then
      send(self, self.gpu.staged)
      self.gpu.staged = nil
    end
    if capture_is_due(self) and stage(self, target, parent, now) then
      local mode = self.options.capture_mode
      if mode == "same_frame" or mode == "auto" and native.software_rendered() then
        send(self, self.index)
      else
        self.gpu.staged = self.index
      end
    end
  end

  local function note_result(self, number, captured_ns, now)
    local words = self.output.words[(number - 1) % self.output.count]
    local frame_id = tonumber(words[1])
    self.slot.words.shown_generation[0] = words[5]
    self.steady = ages.note_result(self.age, now, frame_id, captured_ns) and self.steady + 1 or 1
    if self.styled or self.steady >= STEADY_FRAMES then
      count(self, "frames_shown")
      self.log_ticks[0], self.log_ticks[1] = self.ticks[frame_id % FRAMES_KEPT], self.tick
      block.log_latency(self.slot, frame_id, captured_ns, tonumber(words[6]), tonumber(words[7]),
        tonumber(words[8]), now, self.log_ticks, tonumber(words[5]))
    end
  end

  local function is_outdated(self, number)
    local output = self.output
    local generation = tonumber(output.words[(number - 1) % output.count][5])
    return generation < tonumber(self.slot.words.generation[0])
  end

  -- Upload the newest result that is due into the hidden texture; show it if it was still whole afterwards, and
  -- not outdated: `shown_ns` is before that look, so what is acknowledged by then is in the picture.
  local function present(self, now)
    local output, words = self.output, self.slot.words
    local hold_ns = tonumber(words.hold_ns[0])
    self.age.hold_ns = hold_ns
    local number = rings.newest(output, self.seen, hold_ns > 0 and now - hold_ns + EARLY_NS or math.huge)
    if number == nil then
      return
    end
    if is_outdated(self, number) then
      words.results_skipped[0] = tonumber(words.results_skipped[0]) + number - self.seen
      self.seen = number
      return
    end
    local index = (number - 1) % output.count
    local width_px, height_px, stride_bytes = rings.shape(output, number)
    if width_px ~= nil then
      local captured_ns = tonumber(output.words[index][2])
      draw.upload(self.gpu, output.pixels[index], width_px, height_px, stride_bytes)
      local shown_ns = native.now_ns()
      if rings.still_whole(output, number) and not is_outdated(self, number) then
        draw.swap(self.gpu)
        note_result(self, number, captured_ns, shown_ns)
        words.results_skipped[0] = tonumber(words.results_skipped[0]) + number - self.seen - 1
        self.seen = number
        return
      end
    end
    count(self, "results_torn")
  end

  local function is_on(self)
    return self.options.enabled and tonumber(self.slot.words.off[0]) == 0
  end

  -- Why the source is shown now, or reasons.none for the styled picture.
  local function verdict(self, now)
    if not is_on(self) then
      return reasons.disabled
    elseif tonumber(block.header.worker_running[0]) == 0 then
      return reasons.no_worker
    elseif not self.output then
      return reasons.no_ring
    elseif self.age.captured_ns == 0 or not draw.can_draw(self.gpu) then
      return reasons.waiting
    elseif ages.is_stale(self.age, now) then
      return reasons.stale
    elseif not self.styled and self.steady < STEADY_FRAMES then
      return reasons.settling
    end
    return reasons.none
  end

  local function decide(self, now)
    local reason = verdict(self, now)
    local styled = reason == reasons.none
    if self.styled and not styled then
      self.steady = 0
      count(self, "fallbacks")
    end
    self.styled = styled
    self.slot.words.showing_styled[0] = styled and 1 or 0
    self.slot.words.reason[0] = reason
  end

  local function account(self, started)
    local words, spent = self.slot.words, native.now_ns() - started
    words.tick[0] = self.tick
    words.last_render_ns[0] = started
    words.render_total_ns[0] = tonumber(words.render_total_ns[0]) + spent
    if spent > tonumber(words.render_max_ns[0]) then
      words.render_max_ns[0] = spent
    end
    count(self, "render_count")
  end

  -- Once per OBS frame, whether or not the filter is drawn in it.
  function M.tick(self)
    self.tick = self.tick + 1
    ages.tick(self.age)
  end

  -- Once per OBS frame, at the first of possibly several renders.
  function M.step(self, target, parent, width_px, height_px)
    local started = native.now_ns()
    follow_epoch(self)
    local on = is_on(self)
    if on and self.input then
      capture(self, target, parent, width_px, height_px, started)
      present(self, native.now_ns())
    end
    if on then
      ask_for_size(self, width_px, height_px)
    else
      draw.free(self.gpu)
    end
    decide(self, started)
    account(self, started)
  end

  function M.draw(self, width_px, height_px)
    draw.draw(self.gpu, width_px, height_px)
  end

  return M
end
