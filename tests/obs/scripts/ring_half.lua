-- SPDX-License-Identifier: Apache-2.0
-- Runs ring.lua outside OBS for test_lua_ring.py: commands on stdin, one answer line each on stdout.
-- Usage: luajit ring_half.lua FILTER_RING_LUA RING RING_BYTES; RING: the file, on Windows the mapping's name

local ffi = require("ffi")
ffi.cdef [[
int open(const char *, int, ...);
void *mmap(void *, size_t, int, int, int, long);
void *OpenFileMappingA(unsigned, int, const char *);
void *MapViewOfFile(void *, unsigned, unsigned, unsigned, size_t);
int QueryPerformanceCounter(int64_t *);
int QueryPerformanceFrequency(int64_t *);
int memcmp(const void *, const void *, size_t);
typedef struct { long seconds, nanoseconds; } clock_time;
int clock_gettime(int, clock_time *);
]]

local clock = ffi.new("clock_time")
local native = { ffi = ffi, fence = function() end }

function native.now_ns()
  ffi.C.clock_gettime(1, clock)
  return tonumber(clock.seconds) * 1e9 + tonumber(clock.nanoseconds)
end

local function map(name, bytes)
  return ffi.C.mmap(nil, bytes, 3, 1, ffi.C.open(name, 2), 0)
end

if ffi.os == "Windows" then
  local ticks, per_second = ffi.new("int64_t[1]"), ffi.new("int64_t[1]")
  ffi.C.QueryPerformanceFrequency(per_second)

  function native.now_ns()
    ffi.C.QueryPerformanceCounter(ticks)
    return tonumber(ticks[0]) * 1e9 / tonumber(per_second[0])
  end

  function map(name, bytes)
    return ffi.C.MapViewOfFile(ffi.C.OpenFileMappingA(6, 0, name), 6, 0, 0, bytes)
  end
end

local rings = dofile(arg[1])(native)
local memory = map(arg[2], tonumber(arg[3]))
local ring = rings.attach(tonumber(ffi.cast("uintptr_t", memory)))
local commands = {}

-- publish frame_id captured_ns generation width height source_stride fill
function commands.publish(frame_id, captured_ns, generation, width, height, stride, fill)
  local pixels = ffi.new("uint8_t[?]", stride * height)
  for index = 0, stride * height - 1 do
    pixels[index] = (index % stride * 3 + math.floor(index / stride) * 5 + fill) % 256
  end
  rings.publish(ring, frame_id, captured_ns, generation, width, height, pixels, stride)
  return ring.published
end

function commands.newest(seen, due)
  return rings.newest(ring, seen, due < 0 and math.huge or due)
end

function commands.whole(number)
  return rings.still_whole(ring, number)
end

function commands.shape(number)
  local width, height, stride = rings.shape(ring, number)
  return width and string.format("%d %d %d", width, height, stride) or "nil"
end

-- Read the newest frame again and again for that long. Frames are of one byte value each.
function commands.race(milliseconds)
  local deadline, whole, lapped, mixed = native.now_ns() + milliseconds * 1e6, 0, 0, 0
  while native.now_ns() < deadline do
    local number = rings.newest(ring, 0, math.huge)
    if number then
      local width, height, stride = rings.shape(ring, number)
      local pixels = ring.pixels[(number - 1) % ring.count]
      local plain = width == nil or ffi.C.memcmp(pixels, pixels + 1, stride * height - 1) == 0
      if not rings.still_whole(ring, number) then
        lapped = lapped + 1
      elseif plain then
        whole = whole + 1
      else
        mixed = mixed + 1
      end
    end
  end
  return string.format("%d %d %d", whole, lapped, mixed)
end

io.stdout:setvbuf("line")
print(ring and "attached" or "refused")
for line in io.lines() do
  local words = {}
  for word in line:gmatch("%S+") do
    words[#words + 1] = tonumber(word) or word
  end
  print(tostring(commands[table.remove(words, 1)](unpack(words))))
end
