-- SPDX-License-Identifier: Apache-2.0
-- Graphics of one filter: read the source's pixels back, put a picture up, draw it.
--
-- Called on OBS's graphics thread inside `video_render` only. Colours follow libobs's own filters
-- (obs_source_process_filter_begin and _end): the source is drawn into a texture with premultiplied alpha, in
-- linear light. A second pass divides by alpha, because rings carry straight alpha; the result is drawn with
-- straight-alpha blending. Always in linear light, whatever asks for the picture (a screenshot does not):
-- the same capture serves all of one frame. Opaque pixels come through unchanged, others within 1 of 255.

local GS_BGRA, GS_ZS_NONE, GS_DYNAMIC, GS_CLEAR_COLOR, OBS_EFFECT_DEFAULT = 5, 0, 2, 1, 0
local ZERO, ONE, SRC_ALPHA, INV_SRC_ALPHA = 0, 1, 4, 5
local CUSTOM_DRAW_OR_ASYNC = 12

local KIND_TEXRENDER, KIND_STAGESURFACE, KIND_TEXTURE = 1, 2, 3

return function(native)
  local ffi, C = native.ffi, native.C
  local clear = ffi.new("float[4]")
  local data, stride = ffi.new("uint8_t *[1]"), ffi.new("uint32_t[1]")
  local effect, image
  local M = {}

  function M.new()
    return { width_px = 0, height_px = 0 } -- of the capture objects
  end

  local function find_effect()
    if effect == nil then
      effect = C.obs_get_base_effect(OBS_EFFECT_DEFAULT)
      image = C.gs_effect_get_param_by_name(effect, "image")
    end
  end

  local function draw_texture(texture, technique, width_px, height_px)
    local before = C.gs_framebuffer_srgb_enabled()
    C.gs_enable_framebuffer_srgb(true)
    C.gs_effect_set_texture_srgb(image, texture)
    while C.gs_effect_loop(effect, technique) do
      C.gs_draw_sprite(texture, 0, width_px, height_px)
    end
    C.gs_enable_framebuffer_srgb(before)
  end

  local function free_capture(self)
    if self.drawn then
      C.gs_texrender_destroy(self.drawn)
      C.gs_texrender_destroy(self.straight)
      C.gs_stagesurface_destroy(self.stage[0])
      C.gs_stagesurface_destroy(self.stage[1])
    end
    self.drawn, self.straight, self.stage = nil, nil, nil
  end

  -- Make the capture objects for this size; a change of size frees the former ones. True if they are there.
  function M.resize(self, width_px, height_px)
    if self.drawn and self.width_px == width_px and self.height_px == height_px then
      return true
    end
    find_effect()
    free_capture(self)
    self.drawn = C.gs_texrender_create(GS_BGRA, GS_ZS_NONE)
    self.straight = C.gs_texrender_create(GS_BGRA, GS_ZS_NONE)
    self.stage = {
      [0] = C.gs_stagesurface_create(width_px, height_px, GS_BGRA),
      [1] = C.gs_stagesurface_create(width_px, height_px, GS_BGRA),
    }
    self.width_px, self.height_px, self.staged = width_px, height_px, nil
    return self.stage[0] ~= nil and self.stage[1] ~= nil
  end

  local function draw_source(self, target, parent)
    C.gs_texrender_reset(self.drawn)
    if not C.gs_texrender_begin(self.drawn, self.width_px, self.height_px) then
      return false
    end
    C.gs_blend_state_push()
    C.gs_blend_function_separate(SRC_ALPHA, INV_SRC_ALPHA, ONE, INV_SRC_ALPHA)
    C.gs_clear(GS_CLEAR_COLOR, clear, 0, 0)
    C.gs_ortho(0, self.width_px, 0, self.height_px, -100, 100)
    local linear = C.gs_set_linear_srgb(true)
    if target == parent and bit.band(C.obs_source_get_output_flags(parent), CUSTOM_DRAW_OR_ASYNC) == 0 then
      C.obs_source_default_render(target)
    else
      C.obs_source_video_render(target)
    end
    C.gs_set_linear_srgb(linear)
    C.gs_blend_state_pop()
    C.gs_texrender_end(self.drawn)
    return true
  end

  local function divide_by_alpha(self)
    C.gs_texrender_reset(self.straight)
    if not C.gs_texrender_begin(self.straight, self.width_px, self.height_px) then
      return false
    end
    C.gs_blend_state_push()
    C.gs_blend_function(ONE, ZERO)
    C.gs_ortho(0, self.width_px, 0, self.height_px, -100, 100)
    draw_texture(C.gs_texrender_get_texture(self.drawn), "DrawAlphaDivide", self.width_px, self.height_px)
    C.gs_blend_state_pop()
    C.gs_texrender_end(self.straight)
    return true
  end

  -- Draw the source and start its way back from the GPU. `index` 0 or 1: the staging surface to use.
  function M.stage(self, target, parent, index)
    if draw_source(self, target, parent) and divide_by_alpha(self) then
      C.gs_stage_texture(self.stage[index], C.gs_texrender_get_texture(self.straight))
      return true
    end
    return false
  end

  -- (pixels, stride) of a staged picture, or nil; unmap() must follow before anything else.
  function M.map(self, index)
    if C.gs_stagesurface_map(self.stage[index], data, stride) then
      return data[0], stride[0]
    end
    return nil
  end

  function M.unmap(self, index)
    C.gs_stagesurface_unmap(self.stage[index])
  end

  local function free_textures(self)
    if self.shown then
      C.gs_texture_destroy(self.shown)
    end
    if self.hidden then
      C.gs_texture_destroy(self.hidden)
    end
    self.shown, self.hidden = nil, nil
  end

  -- Upload into the hidden texture; false if there is none to be had. What is on screen changes in swap() only, also
  -- when the size does.
  function M.upload(self, pixels, width_px, height_px, stride_bytes)
    if not self.hidden or self.hidden_width_px ~= width_px or self.hidden_height_px ~= height_px then
      find_effect()
      if self.hidden then
        C.gs_texture_destroy(self.hidden)
      end
      local made = C.gs_texture_create(width_px, height_px, GS_BGRA, 1, nil, GS_DYNAMIC)
      self.hidden = made ~= nil and made or nil
      self.hidden_width_px, self.hidden_height_px = width_px, height_px
    end
    if self.hidden then
      C.gs_texture_set_image(self.hidden, pixels, stride_bytes, false)
    end
    return self.hidden ~= nil
  end

  function M.swap(self)
    self.shown, self.hidden = self.hidden, self.shown
    self.hidden_width_px, self.shown_width_px = self.shown_width_px, self.hidden_width_px
    self.hidden_height_px, self.shown_height_px = self.shown_height_px, self.hidden_height_px
  end

  -- Whether there is a whole picture to draw.
  function M.can_draw(self)
    return self.shown ~= nil
  end

  -- Outside the graphics thread: let another stream have the picture that is on screen; its own goes to `give`.
  function M.hand_over(self, heir, give)
    if heir.shown then
      give(KIND_TEXTURE, heir.shown)
    end
    heir.shown, heir.shown_width_px, heir.shown_height_px = self.shown, self.shown_width_px, self.shown_height_px
    self.shown = nil
  end

  function M.draw(self, width_px, height_px)
    C.gs_blend_state_push()
    C.gs_blend_function_separate(SRC_ALPHA, INV_SRC_ALPHA, ONE, INV_SRC_ALPHA)
    draw_texture(self.shown, "Draw", width_px, height_px)
    C.gs_blend_state_pop()
  end

  -- Outside the graphics thread: give everything to whoever frees it (kind, object).
  function M.discard(self, give)
    if self.drawn then
      give(KIND_TEXRENDER, self.drawn)
      give(KIND_TEXRENDER, self.straight)
      give(KIND_STAGESURFACE, self.stage[0])
      give(KIND_STAGESURFACE, self.stage[1])
    end
    if self.shown then
      give(KIND_TEXTURE, self.shown)
    end
    if self.hidden then
      give(KIND_TEXTURE, self.hidden)
    end
    self.drawn, self.straight, self.stage, self.shown, self.hidden = nil, nil, nil, nil, nil
  end

  -- Nothing to show or capture for a while: free on the graphics thread.
  function M.free(self)
    free_capture(self)
    free_textures(self)
  end

  return M
end
