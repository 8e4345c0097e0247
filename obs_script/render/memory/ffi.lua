-- SPDX-License-Identifier: Apache-2.0
-- C declarations, the libobs namespace, and what differs between systems: fence and doorbell.
--
-- Loaded once per Lua state by filter.lua. Nothing here allocates per frame except the small boxes LuaJIT
-- makes for 64-bit numbers and pointers.
--
-- The compiler is switched off for this state: rendering the source may come back into this same Lua state
-- (a second Mirage filter below the first), which compiled code does not allow, and one frame is only some
-- sixty calls.
--
-- Only Linux on x86-64 has been run. Windows, macOS and arm64 are written from their documentation.

local ffi = require("ffi")
jit.off()

ffi.cdef [[
typedef struct { void *type; int own; void *ptr; } mirage_swig;
uint64_t os_gettime_ns(void);
uint64_t obs_get_video_frame_time(void);

void *obs_filter_get_target(void *);
void *obs_filter_get_parent(void *);
const char *obs_source_get_name(void *);
void *obs_source_get_settings(void *);
const char *obs_data_get_string(void *, const char *);
void obs_data_release(void *);
uint32_t obs_source_get_base_width(void *);
uint32_t obs_source_get_base_height(void *);
uint32_t obs_source_get_output_flags(void *);
void obs_source_video_render(void *);
void obs_source_default_render(void *);
void obs_source_skip_video_filter(void *);
void *obs_get_base_effect(int);

void *gs_texrender_create(int, int);
void gs_texrender_destroy(void *);
bool gs_texrender_begin(void *, uint32_t, uint32_t);
void gs_texrender_end(void *);
void gs_texrender_reset(void *);
void *gs_texrender_get_texture(void *);
void *gs_stagesurface_create(uint32_t, uint32_t, int);
void gs_stagesurface_destroy(void *);
bool gs_stagesurface_map(void *, uint8_t **, uint32_t *);
void gs_stagesurface_unmap(void *);
void gs_stage_texture(void *, void *);
void *gs_texture_create(uint32_t, uint32_t, int, uint32_t, const uint8_t **, uint32_t);
void gs_texture_destroy(void *);
void gs_texture_set_image(void *, const uint8_t *, uint32_t, bool);
void *gs_effect_get_param_by_name(void *, const char *);
void gs_effect_set_texture_srgb(void *, void *);
bool gs_effect_loop(void *, const char *);
void gs_draw_sprite(void *, uint32_t, uint32_t, uint32_t);
void gs_blend_state_push(void);
void gs_blend_state_pop(void);
void gs_blend_function(int, int);
void gs_blend_function_separate(int, int, int, int);
void gs_ortho(float, float, float, float, float, float);
void gs_clear(uint32_t, const float *, float, uint8_t);
bool gs_set_linear_srgb(bool);
bool gs_framebuffer_srgb_enabled(void);
void gs_enable_framebuffer_srgb(bool);

typedef struct {
  const char *graphics_module;
  uint32_t fps_num, fps_den, base_width, base_height, output_width, output_height;
  int output_format;
  uint32_t adapter;
  bool gpu_conversion;
  int colorspace, range, scale_type;
} mirage_video_info;
bool obs_get_video_info(mirage_video_info *);

int strncmp(const char *, const char *, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
int sem_post(void *);
int sem_getvalue(void *, int *);
intptr_t write(int, const void *, size_t);
int SetEvent(void *);
void FlushProcessWriteBuffers(void);
void OSMemoryBarrier(void);
void atomic_thread_fence(int);
long syscall(long, ...);
const char *glGetString(unsigned int);
]]

local M = { ffi = ffi }

-- OBS's executable is linked to libobs, so on Linux and macOS its names are visible to the whole process, whatever
-- the file is called and also after an upgrade has replaced it (a path would then load a second copy). Windows' loader
-- looks among the loaded modules by this name first; it is given no path, since LuaJIT's ffi.load takes only paths in
-- the system's code page.
local function libobs()
  return ffi.os == "Windows" and ffi.load("obs") or ffi.C
end

M.C = libobs()

local function no_fence() end

local function arm_linux_fence()
  local found, atomic = pcall(ffi.load, "libatomic.so.1")
  if found then
    return function() atomic.atomic_thread_fence(5) end
  end
  return function() ffi.C.syscall(283, ffi.cast("long", 2), ffi.cast("long", 0), ffi.cast("long", 0)) end
end

local function choose_fence()
  if ffi.arch == "x64" or ffi.arch == "x86" then
    return no_fence -- stores stay in order, and memcpy fences its own streaming stores
  elseif ffi.os == "OSX" then
    return function() ffi.C.OSMemoryBarrier() end
  elseif ffi.os == "Windows" then
    return function() ffi.load("kernel32").FlushProcessWriteBuffers() end
  end
  return arm_linux_fence()
end

-- Called between a store and the next when other processes must see them in that order.
M.fence = choose_fence()

-- A function that rings a doorbell. `handle` is, in this process, the address of the semaphore (Linux), the
-- file descriptor of the FIFO (macOS) or the event's handle (Windows); the rule is in shared/doorbell/doorbell.py.
function M.doorbell(handle)
  if ffi.os == "Windows" then
    local event, kernel32 = ffi.cast("void *", handle), ffi.load("kernel32")
    return function() kernel32.SetEvent(event) end
  elseif ffi.os == "OSX" then
    local byte = ffi.new("char[1]", 1)
    return function() ffi.C.write(handle, byte, 1) end
  end
  local semaphore, value = ffi.cast("void *", handle), ffi.new("int[1]")
  return function()
    M.fence()
    if ffi.C.sem_getvalue(semaphore, value) == 0 and value[0] < 16 then
      ffi.C.sem_post(semaphore)
    end
  end
end

local GL_RENDERER = 0x1F01
local software

-- True where the processor draws (Mesa's llvmpipe and its like): reading back at once then waits for nothing.
-- Call it inside `video_render` only. Unknown on Windows and macOS, where nobody runs OBS that way.
function M.software_rendered()
  if software == nil then
    software = false
    local found, gl = pcall(ffi.load, "libGL.so.1")
    local name = ffi.os == "Linux" and found and gl.glGetString(GL_RENDERER)
    if name and name ~= nil then
      name = ffi.string(name)
      software = name:find("llvmpipe") ~= nil or name:find("softpipe") ~= nil or name:find("SWR") ~= nil
    end
  end
  return software
end

local VIDEO_CS_2100_PQ, VIDEO_CS_2100_HLG = 4, 5
local canvas = ffi.new("mirage_video_info")

-- True while OBS's canvas is an HDR one.
function M.canvas_is_hdr()
  return M.C.obs_get_video_info(canvas)
    and (canvas.colorspace == VIDEO_CS_2100_PQ or canvas.colorspace == VIDEO_CS_2100_HLG)
end

-- The libobs pointer inside what SWIG hands to a script.
function M.pointer(userdata)
  return ffi.cast("mirage_swig *", userdata).ptr
end

function M.now_ns()
  return tonumber(M.C.os_gettime_ns())
end

return M
