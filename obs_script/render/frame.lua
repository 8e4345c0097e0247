-- SPDX-License-Identifier: Apache-2.0
-- What one stream does in one OBS frame: capture, present, and decide between styled picture and what stands in for it.
--
-- Called on OBS's graphics thread inside `video_render`; nothing here waits. The rules:
-- * Between results the last processed picture stays, until age.lua finds it stale; something else is shown at
--   once when the worker is gone or the filter is off.
-- * Off, or where the user chose it (the default), that is the source. Otherwise it is the last styled picture or
--   nothing, and then no way leads to the source but the user's own "off".
-- * A result of older settings than the worker has acknowledged is never shown.
-- * Back from what stood in only at the third steady frame: results that came before the one before went stale. A
--   stream that shows its twin's picture meanwhile goes on with its own first result.

local STEADY_FRAMES = 3
local EARLY_NS = 2e6 -- a frame this much before its time counts as in time
local BORROWED_AT_MOST_NS = 3e9

return function(native, layout, block, rings, draw, ages, captures)
  local reasons, shows, ffi = layout.reasons, layout.shows, native.ffi
  local at = rings.at
  local M = {}

  -- `options`: see properties.lua.
  function M.new(options)
    local stream = {
      options = options,
      gpu = draw.new(),
      tick = 0,
      rendered_tick = -1,
      log_ticks = ffi.new("double[2]"), -- captured, shown
      seen = 0, -- newest result taken
      steady = 0,
      styled = false,
      shows = shows.source,
      borrowed_ns = 0, -- since when it shows a twin's picture; 0 = it does not
      age = ages.new(),
    }
    captures.prepare(stream)
    return stream
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
    self.seen = 0
    if self.input and self.output then
      words.mapped_epoch[0] = epoch
    else
      self.input, self.output = nil, nil
      words.refused_epoch[0] = epoch
    end
    captures.ring_plugin()
  end

  local function note_result(self, number, captured_ns, now)
    local words = self.output.words[(number - 1) % self.output.count]
    local frame_id = tonumber(words[at.frame_id])
    self.slot.words.shown_generation[0] = words[at.generation]
    self.steady = ages.note_result(self.age, now, frame_id, captured_ns) and self.steady + 1 or 1
    if self.styled or self.steady >= STEADY_FRAMES then
      count(self, "frames_shown")
      self.log_ticks[0], self.log_ticks[1] = captures.tick_of(self, frame_id), self.tick
      block.log_latency(self.slot, frame_id, captured_ns, tonumber(words[at.mapped_ns]),
        tonumber(words[at.received_ns]), tonumber(words[at.finished_ns]), now, self.log_ticks,
        tonumber(words[at.generation]))
    end
  end

  local function is_outdated(self, number)
    local output = self.output
    local generation = tonumber(output.words[(number - 1) % output.count][at.generation])
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
      local captured_ns = tonumber(output.words[index][at.timestamp_ns])
      local uploaded = draw.upload(self.gpu, output.pixels[index], width_px, height_px, stride_bytes)
      local shown_ns = native.now_ns()
      if uploaded and rings.still_whole(output, number) and not is_outdated(self, number) then
        draw.swap(self.gpu)
        note_result(self, number, captured_ns, shown_ns)
        words.results_skipped[0] = tonumber(words.results_skipped[0]) + number - self.seen - 1
        self.seen = number
        return
      end
    end
    count(self, "results_torn")
  end

  -- The window's box counts until the Python half has read it; from then on the look it keeps does.
  local function is_on(self)
    local words = self.slot.words
    if not self.served then
      return self.options.enabled
    end
    local read = tonumber(words.settings_read[0]) == block.revision(self.slot, "settings")
    return tonumber(words.off[0]) == 0 and (self.options.enabled or read)
  end

  -- Why there is no styled picture now, or reasons.none.
  local function verdict(self, on, hdr, now)
    if not on then
      return reasons.disabled
    elseif hdr then
      return reasons.hdr
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

  -- A twin whose picture may stand in for a while, or nil.
  local function lender_for(self, reason, now)
    if reason == reasons.none then
      self.borrowed_ns = 0
    elseif reason ~= reasons.disabled and reason ~= reasons.hdr then
      local lender = M.find_lender(self, now)
      if lender and self.borrowed_ns == 0 then
        self.borrowed_ns = now
      end
      return now - self.borrowed_ns < BORROWED_AT_MOST_NS and lender or nil
    end
    return nil
  end

  local function stand_in(self, reason)
    local wish = self.options.when_unstyled
    if reason == reasons.disabled or wish == shows.source then
      return shows.source
    end
    return wish == shows.last and draw.can_draw(self.gpu) and shows.last or shows.nothing
  end

  local function decide(self, reason, now)
    self.lender = lender_for(self, reason, now)
    local styled = reason == reasons.none or self.lender ~= nil
    if self.styled and not styled then
      self.steady = 0
      count(self, "fallbacks")
    end
    self.styled = styled
    self.shows = styled and shows.styled or stand_in(self, reason)
    local words = self.slot.words
    words.showing_styled[0], words.shows[0] = styled and 1 or 0, self.shows
    words.reason[0] = styled and reasons.none or reason
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
    self.served = tonumber(self.slot.words.served[0]) == self.slot.instance
    ages.tick(self.age)
  end

  -- Once per OBS frame, at the first of possibly several renders.
  function M.step(self, target, parent, width_px, height_px)
    local started = native.now_ns()
    follow_epoch(self)
    local on, hdr = is_on(self), native.canvas_is_hdr()
    if on and not hdr and self.input then
      captures.step(self, target, parent, width_px, height_px, started)
      present(self, native.now_ns())
    end
    if on then
      captures.ask_for_size(self, width_px, height_px)
    else
      draw.free(self.gpu)
    end
    decide(self, verdict(self, on, hdr, started), started)
    account(self, started)
  end

  -- There is nothing to capture: the source has no size just now.
  function M.no_size(self)
    self.styled, self.lender, self.shows = false, nil, stand_in(self, is_on(self) and reasons.no_size or reasons.disabled)
    local words = self.slot.words
    words.showing_styled[0], words.shows[0], words.reason[0] = 0, self.shows, reasons.no_size
  end

  -- Whether another stream may show this one's picture.
  function M.lends(self, now)
    return self.styled and self.lender == nil and draw.can_draw(self.gpu) and not ages.is_stale(self.age, now)
  end

  -- This stream ends: its picture goes on in a twin that has none of its own.
  function M.bequeath(self, heir)
    local own = self.styled and self.lender == nil and draw.can_draw(self.gpu)
    if own and is_on(heir) and (heir.lender == self or not heir.styled) then
      draw.hand_over(self.gpu, heir.gpu, block.discard)
      ages.inherit(heir.age, self.age)
      heir.lender, heir.styled, heir.shows = nil, true, shows.styled
    elseif heir.lender == self then
      heir.lender, heir.styled, heir.shows = nil, false, stand_in(heir, reasons.waiting)
    end
  end

  function M.draw(self, width_px, height_px)
    draw.draw((self.lender or self).gpu, width_px, height_px)
  end

  return M
end
