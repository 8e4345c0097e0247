-- SPDX-License-Identifier: Apache-2.0
-- How old the shown picture is, and how old it may get before the source takes its place.
--
-- Called on OBS's graphics thread. Invariants: the source never takes over before the picture's capture is a second
-- ago: on a machine that something else keeps busy, a picture that stands still for a moment beats one that alternates
-- (a worker that ended is known at once, whatever this says). Time in which OBS itself made no frames does not count:
-- an OBS that stalls must not cause a flicker. In keep-in-sync the hold comes on top.

local STALE_NS = 1000e6
local STALL_FROM_NS = 50e6 -- a longer gap between two OBS frames is OBS's own stall
local FRAMES_KEPT = 256
local SMOOTHING = 0.2 -- share of the newest result in what is usual

return function(native)
  local M = {}

  function M.new()
    return {
      hold_ns = 0,
      result_every_ns = 0, -- how far apart results are captured, smoothed
      captured_ns = 0, -- of the shown picture; 0 = none yet
      captured_stalled_ns = 0,
      stalled_ns = 0,
      ticked_ns = 0,
      stalls_ns = native.ffi.new("double[?]", FRAMES_KEPT),
    }
  end

  -- Every OBS frame, whether or not the filter is drawn in it.
  function M.tick(self)
    local now = native.now_ns()
    self.stalled_ns = self.stalled_ns + math.max(0, now - self.ticked_ns - STALL_FROM_NS)
    self.ticked_ns = now
  end

  function M.note_capture(self, frame_id)
    self.stalls_ns[frame_id % FRAMES_KEPT] = self.stalled_ns
  end

  local function age_ns(self, now)
    local stalled_since = self.stalled_ns - self.captured_stalled_ns
    return now - self.captured_ns - stalled_since - self.hold_ns
  end

  function M.is_stale(self, now)
    return age_ns(self, now) > STALE_NS
  end

  -- A newer result replaces the shown one. True if that came in time, that is before the shown one was stale.
  function M.note_result(self, now, frame_id, captured_ns)
    local age = age_ns(self, now)
    if self.captured_ns > 0 then
      local gap_ns = math.min(captured_ns - self.captured_ns, STALE_NS)
      self.result_every_ns = self.result_every_ns + SMOOTHING * (gap_ns - self.result_every_ns)
    end
    self.captured_ns, self.captured_stalled_ns = captured_ns, self.stalls_ns[frame_id % FRAMES_KEPT]
    return age <= STALE_NS
  end

  -- Show from now on what `other` showed.
  function M.inherit(self, other)
    self.captured_ns = other.captured_ns
    self.captured_stalled_ns = self.stalled_ns - (other.stalled_ns - other.captured_stalled_ns)
  end

  return M
end
