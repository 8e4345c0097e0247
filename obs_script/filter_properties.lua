-- SPDX-License-Identifier: Apache-2.0
-- The filter's settings: names, kinds, limits, properties window, and their JSON for the Python half.
--
-- Called on OBS's UI thread or a request's thread, never per frame; does no I/O and waits for nothing.
-- Defaults come from the Python half (StreamSettings), so that they are stated once.

-- Sent to the Python half. Kinds: bool, int, double, string.
local FIELDS = {
  { "enabled", "bool" },
  { "pipeline", "string" },
  { "preset", "string" },
  { "outfit", "string" },
  { "hair", "string" },
  { "scene", "string" },
  { "light", "string" },
  { "prompt", "string" },
  { "look", "string" },
  { "strength", "double" },
  { "steps", "int" },
  { "working_size", "string" },
  { "device", "string" },
  { "seed", "int" },
  { "target_fps", "int" },
  { "keep_in_sync", "bool" },
  { "max_fps_for_tests", "double" },
  { "model", "string" },
  { "checkpoint", "string" },
  { "structure_lock", "double" },
  { "edit_region", "string" },
}
local MAX_SEED = 2147483647
-- So that the JSON always fits its place; the Python half cuts at whole characters.
local MAX_BYTES, MAX_TEXT_BYTES = { prompt = 4000, look = 8000 }, 2000
local LAYERS = { { "outfit", "Outfit" }, { "hair", "Hair" }, { "scene", "Scene" }, { "light", "Light" } }

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function json_string(text)
  local escaped = text:gsub('[%c"\\]', function(c)
    return ESCAPES[c] or string.format("\\u%04x", c:byte())
  end)
  return '"' .. escaped .. '"'
end

return function(obs, native, block)
  local M = {}

  local getters = {
    bool = function(s, name) return tostring(obs.obs_data_get_bool(s, name)) end,
    int = function(s, name) return string.format("%.0f", obs.obs_data_get_int(s, name)) end,
    double = function(s, name) return string.format("%.17g", obs.obs_data_get_double(s, name)) end,
    string = function(s, name)
      return json_string((obs.obs_data_get_string(s, name) or ""):sub(1, MAX_BYTES[name] or MAX_TEXT_BYTES))
    end,
  }
  local setters = {
    bool = obs.obs_data_set_default_bool,
    int = obs.obs_data_set_default_int,
    double = obs.obs_data_set_default_double,
    string = obs.obs_data_set_default_string,
  }
  local readers = {
    bool = obs.obs_data_get_bool,
    int = obs.obs_data_get_int,
    double = obs.obs_data_get_double,
    string = obs.obs_data_get_string,
  }

  -- The defaults as plain values, read from the settings the script was loaded with.
  function M.read_defaults(load_settings)
    local given = obs.obs_data_get_obj(load_settings, "defaults")
    M.defaults = {}
    for _, field in ipairs(FIELDS) do
      if obs.obs_data_has_user_value(given, field[1]) then
        M.defaults[field[1]] = readers[field[2]](given, field[1])
      end
    end
    obs.obs_data_release(given)
  end

  function M.set_defaults(settings)
    for _, field in ipairs(FIELDS) do
      local value = M.defaults[field[1]]
      if value ~= nil then
        setters[field[2]](settings, field[1], value)
      end
    end
    obs.obs_data_set_default_string(settings, "capture_mode", "auto")
  end

  function M.json(settings)
    local parts = {}
    for index, field in ipairs(FIELDS) do
      parts[index] = json_string(field[1]) .. ":" .. getters[field[2]](settings, field[1])
    end
    return "{" .. table.concat(parts, ",") .. "}"
  end

  -- What the render half itself needs.
  function M.options(settings)
    local fps = obs.obs_data_get_int(settings, "target_fps")
    return {
      enabled = obs.obs_data_get_bool(settings, "enabled"),
      target_fps = fps > 0 and fps or 30,
      capture_mode = obs.obs_data_get_string(settings, "capture_mode"),
    }
  end

  local function choices(props, name, title, items)
    local list = obs.obs_properties_add_list(props, name, title, obs.OBS_COMBO_TYPE_LIST,
      obs.OBS_COMBO_FORMAT_STRING)
    for _, item in ipairs(items) do
      obs.obs_property_list_add_string(list, item[2], item[1])
    end
    return list
  end

  local function from_text(text, first)
    local items = first and { first } or {}
    for id, label in text:gmatch("([^\t\n]+)\t([^\n]*)") do
      items[#items + 1] = { id, label }
    end
    return items
  end

  -- What a filter's settings hold under these names now; update() may not have been called for it yet.
  local function settings_now(source, ...)
    local settings, found = native.C.obs_source_get_settings(source), {}
    for _, name in ipairs({ ... }) do
      found[name] = native.ffi.string(native.C.obs_data_get_string(settings, name))
    end
    native.C.obs_data_release(settings)
    return found
  end

  -- The choices of a layer, with what is worn now among them: OBS would change a value that is not in its list.
  local function layer_items(layer, worn)
    local items, known = { { "", "As the camera sees it" } }, { [""] = true }
    for name, words, label in block.header_text("choices"):gmatch("([^\t\n]+)\t([^\t\n]+)\t([^\n]*)") do
      if name == layer then
        items[#items + 1] = { words, label }
        known[words] = true
      end
    end
    if not known[worn] then
      items[#items + 1] = { worn, worn }
    end
    return items
  end

  local function preset_items(worn)
    local items = from_text(block.header_text("presets"), { "", "None" })
    for _, item in ipairs(items) do
      if item[1] == worn then
        return items
      end
    end
    items[#items + 1] = { worn, worn }
    return items
  end

  -- The picture of the preset that is worn; OBS shows rich text here.
  local function add_picture(props, preset)
    local pictures = block.header_text("pictures")
    if preset ~= "" and pictures:find("\n" .. preset .. "\n", 1, true) then
      local file = pictures:match("^[^\n]*") .. "/" .. preset .. ".jpg"
      obs.obs_properties_add_text(props, "picture", '<img src="' .. file .. '">', obs.OBS_TEXT_INFO)
    end
  end

  local function add_look(props, state)
    local worn = settings_now(state.source, "preset", "outfit", "hair", "scene", "light")
    choices(props, "preset", "Preset", preset_items(worn.preset))
    add_picture(props, worn.preset)
    for _, layer in ipairs(LAYERS) do
      choices(props, layer[1], layer[2], layer_items(layer[1], worn[layer[1]]))
    end
    obs.obs_properties_add_text(props, "prompt", "Prompt", obs.OBS_TEXT_DEFAULT)
    obs.obs_properties_add_float_slider(props, "strength", "Strength", 0, 1, 0.01)
  end

  local function add_press(props, state, name, title)
    obs.obs_properties_add_button(props, name, title, function()
      if state.slot then
        local word = state.slot.words[name .. "_presses"]
        word[0] = tonumber(word[0]) + 1
        M.ring_plugin()
      end
      return false
    end)
  end

  local function add_actions(props, state)
    local group = obs.obs_properties_create()
    add_press(group, state, "undo", "Undo")
    add_press(group, state, "redo", "Redo")
    add_press(group, state, "previous", "Previous preset")
    add_press(group, state, "next", "Next preset")
    add_press(group, state, "random", "Random preset")
    add_press(group, state, "clear", "Take everything off")
    add_press(group, state, "off", "Off: show the camera at once")
    obs.obs_properties_add_group(props, "actions", "Change the look", obs.OBS_GROUP_NORMAL, group)
    obs.obs_properties_add_text(props, "presets_note", block.header_text("presets_note"), obs.OBS_TEXT_INFO)
    add_press(props, state, "open_presets", "Open my presets")
  end

  local function add_quality(props)
    obs.obs_properties_add_int_slider(props, "steps", "Quality: steps", 1, 5, 1)
    choices(props, "working_size", "Quality: working size",
      { { "auto", "Automatic" }, { "tiny", "Tiny" }, { "small", "Small" }, { "medium", "Medium" }, { "large", "Large" } })
    choices(props, "device", "Device", from_text(block.header_text("devices"), { "auto", "Automatic" }))
    obs.obs_properties_add_int(props, "seed", "Seed", 0, MAX_SEED, 1)
    local fps = obs.obs_properties_add_list(props, "target_fps", "Target frames a second",
      obs.OBS_COMBO_TYPE_LIST, obs.OBS_COMBO_FORMAT_INT)
    for _, value in ipairs({ 24, 30, 60 }) do
      obs.obs_property_list_add_int(fps, tostring(value), value)
    end
  end

  local function add_model(props)
    choices(props, "model", "Model", {
      { "mirage-lsd-tiny", "mirage-lsd-tiny: this computer's processor, its own words" },
      { "mirage-lsd-v1", "mirage-lsd-v1: a graphics card with 8 GB or more, any words" },
    })
    local large = obs.obs_properties_create()
    local checkpoint = obs.obs_properties_add_text(large, "checkpoint", "Checkpoint", obs.OBS_TEXT_DEFAULT)
    obs.obs_property_set_long_description(checkpoint,
      "Empty: the default, downloaded once. Or a folder, a .safetensors file, or a name on the model hub.")
    local lock = obs.obs_properties_add_float_slider(large, "structure_lock", "Structure lock", 0, 1, 0.01)
    obs.obs_property_set_long_description(lock, "How much of your picture's layout stays: 1 changes texture only.")
    choices(large, "edit_region", "Change only", {
      { "everything", "Everything" }, { "person", "The person" }, { "background", "The background" },
      { "garment", "Clothes" }, { "upper garment", "Clothes above the waist" },
      { "lower garment", "Clothes below the waist" }, { "hair", "Hair" }, { "face", "Face" },
    })
    obs.obs_properties_add_group(props, "large_model", "For mirage-lsd-v1", obs.OBS_GROUP_NORMAL, large)
  end

  local function add_timing(props)
    local sync = obs.obs_properties_add_bool(props, "keep_in_sync", "Keep picture and sound in sync")
    obs.obs_property_set_long_description(sync,
      "Delays the picture evenly and the sound of this source by the same time. Off: lowest latency.")
    local advanced = obs.obs_properties_create()
    local mode = choices(advanced, "capture_mode", "Read the picture back",
      { { "auto", "Automatic" }, { "next_frame", "In the next frame" }, { "same_frame", "In the same frame" } })
    obs.obs_property_set_long_description(mode,
      "In the same frame: one OBS frame less latency, but OBS waits for the graphics card in every frame. " ..
      "Automatic: the next frame, except where there is no graphics card to wait for.")
    choices(advanced, "pipeline", "Pipeline",
      { { "lsd", "Restyle" }, { "passthrough", "Pass through (for measuring)" } })
    obs.obs_properties_add_group(props, "advanced", "Advanced", obs.OBS_GROUP_NORMAL, advanced)
  end

  local function add_status(props, state)
    local text = state.slot and block.slot_text(state.slot, "status") or ""
    if text == "" then
      text = state.slot and "Starting" or "Too many Mirage LSD filters: 16 at most"
    end
    obs.obs_properties_add_text(props, "status", text, obs.OBS_TEXT_INFO)
  end

  local function add_buttons(props)
    obs.obs_properties_add_button(props, "refresh", "Refresh status", function() return true end)
    obs.obs_properties_add_button(props, "restart_worker", "Restart worker", function()
      block.header.restart_requests[0] = tonumber(block.header.restart_requests[0]) + 1
      M.ring_plugin()
      return true
    end)
  end

  function M.build(state)
    local props = obs.obs_properties_create()
    obs.obs_properties_add_bool(props, "enabled", "Enable")
    add_status(props, state)
    add_look(props, state)
    add_actions(props, state)
    add_quality(props)
    add_timing(props)
    add_model(props)
    add_buttons(props)
    return props
  end

  return M
end
