-- SPDX-License-Identifier: Apache-2.0
-- The filter's properties window.
--
-- Called on OBS's UI thread or a request's thread, never per frame; does no I/O and waits for nothing.

local MAX_SEED = 2147483647
local LAYERS = { { "outfit", "Outfit" }, { "hair", "Hair" }, { "scene", "Scene" }, { "light", "Light" } }

return function(obs, native, block, streams)
  local M = {}

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

  local function add_look(props, filter)
    local worn = settings_now(filter.source, "preset", "outfit", "hair", "scene", "light")
    choices(props, "preset", "Preset", preset_items(worn.preset))
    add_picture(props, worn.preset)
    for _, layer in ipairs(LAYERS) do
      choices(props, layer[1], layer[2], layer_items(layer[1], worn[layer[1]]))
    end
    obs.obs_properties_add_text(props, "prompt", "Prompt", obs.OBS_TEXT_DEFAULT)
    obs.obs_properties_add_float_slider(props, "strength", "Strength", 0, 1, 0.01)
  end

  local function add_who(props)
    local who = choices(props, "who", "Who", {
      { "everyone", "Everyone" }, { "nearest", "The nearest person" }, { "place", "The one at this place" },
    })
    obs.obs_property_set_long_description(who,
      "Whom the look is put on; everybody else stays as the camera sees them. For mirage-lsd-tiny.")
    for _, slider in ipairs({ { "who_x", "Place: from the left" }, { "who_y", "Place: from the top" } }) do
      local place = obs.obs_properties_add_float_slider(props, slider[1], slider[2], 0, 100, 1)
      obs.obs_property_float_set_suffix(place, " %")
    end
    obs.obs_property_set_modified_callback(who, function(shown, _, settings)
      local chosen = obs.obs_data_get_string(settings, "who") == "place"
      obs.obs_property_set_visible(obs.obs_properties_get(shown, "who_x"), chosen)
      obs.obs_property_set_visible(obs.obs_properties_get(shown, "who_y"), chosen)
      return true
    end) -- the window calls it when it opens, too
  end

  local function add_press(props, filter, name, title)
    obs.obs_properties_add_button(props, name, title, function()
      local stream = name == "open_presets" and filter.stream or streams.of_window(filter)
      if stream then
        local word = stream.slot.words[name .. "_presses"]
        word[0] = tonumber(word[0]) + 1
        M.ring_plugin()
      end
      return false
    end)
  end

  local function add_actions(props, filter)
    local group = obs.obs_properties_create()
    add_press(group, filter, "undo", "Undo")
    add_press(group, filter, "redo", "Redo")
    add_press(group, filter, "previous", "Previous preset")
    add_press(group, filter, "next", "Next preset")
    add_press(group, filter, "random", "Random preset")
    add_press(group, filter, "clear", "Take everything off")
    add_press(group, filter, "off", "Off: show the camera at once")
    obs.obs_properties_add_group(props, "actions", "Change the look", obs.OBS_GROUP_NORMAL, group)
    obs.obs_properties_add_text(props, "presets_note", block.header_text("presets_note"), obs.OBS_TEXT_INFO)
    add_press(props, filter, "open_presets", "Open my presets")
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
    local instead = choices(props, "when_unstyled", "When it cannot be styled, show",
      { { "source", "The source, untouched" }, { "last", "The last styled picture" }, { "nothing", "Nothing" } })
    obs.obs_property_set_long_description(instead,
      "At the start, after a scene switch, when the worker is late, ends or has no model, and on an HDR canvas. " ..
      "Off always shows the source.")
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

  local function add_status(props, filter)
    local text = filter.stream and block.slot_text(filter.stream.slot, "status") or ""
    if text == "" then
      text = filter.homeless and "Too many Mirage LSD filters: 16 at most" or "Starting"
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

  function M.build(filter)
    local props = obs.obs_properties_create()
    obs.obs_properties_add_bool(props, "enabled", "Enable")
    add_status(props, filter)
    add_look(props, filter)
    add_who(props)
    add_actions(props, filter)
    add_quality(props)
    add_timing(props)
    add_model(props)
    add_buttons(props)
    return props
  end

  return M
end
