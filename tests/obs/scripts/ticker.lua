-- SPDX-License-Identifier: Apache-2.0
-- Logs, once a second, the longest gap between two OBS frames in that second: "ticker: 33.4 ms".
-- For benchmarks: it runs in the run with the filter and in the control run without it.

local ffi = require("ffi")
ffi.cdef("uint64_t os_gettime_ns(void);")
local libobs = ffi.os == "Windows" and ffi.load("obs") or ffi.C

local last, worst, since

function script_tick()
  local now = tonumber(libobs.os_gettime_ns())
  if last then
    worst = math.max(worst, now - last)
    if now - since >= 1e9 then
      obslua.script_log(obslua.LOG_INFO, string.format("ticker: %.1f ms", worst / 1e6))
      worst, since = 0, now
    end
  else
    worst, since = 0, now
  end
  last = now
end
