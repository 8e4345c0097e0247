-- SPDX-License-Identifier: Apache-2.0
-- The filter's settings: names, kinds, limits, defaults, and their JSON for the Python half.
--
-- Called on OBS's UI thread, a request's thread, or where OBS brings new settings to a filter; never per frame.
-- Defaults come from the Python half (StreamSettings), so that they are stated once.

-- Sent to the Python half. Kinds: bool, int, double, string, percent (a share 0..1 there, 0..100 in OBS).
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
  { "who", "string" },
  { "who_x", "percent" },
  { "who_y", "percent" },
  { "steps", "int" },
  { "working_size", "string" },
  { "device", "string" },
  { "seed", "int" },
  { "target_fps", "int" },
  { "keep_in_sync", "bool" },
  { "model", "string" },
  { "checkpoint", "string" },
  { "structure_lock", "double" },
  { "edit_region", "string" },
  { "when_unstyled", "string" },
  { "hdr_hidden", "bool" },
}
-- So that the JSON always fits its place; the Python half cuts at whole characters.
local MAX_BYTES, MAX_TEXT_BYTES = { prompt = 4000, look = 8000 }, 2000

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function json_string(text)
  local escaped = text:gsub('[%c"\\]', function(c)
    return ESCAPES[c] or string.format("\\u%04x", c:byte())
  end)
  return '"' .. escaped .. '"'
end

return function(obs, layout)
  local M = {}

  local getters = {
    bool = function(s, name) return tostring(obs.obs_data_get_bool(s, name)) end,
    int = function(s, name) return string.format("%.0f", obs.obs_data_get_int(s, name)) end,
    double = function(s, name) return string.format("%.17g", obs.obs_data_get_double(s, name)) end,
    percent = function(s, name) return string.format("%.17g", obs.obs_data_get_double(s, name) / 100) end,
    string = function(s, name)
      return json_string((obs.obs_data_get_string(s, name) or ""):sub(1, MAX_BYTES[name] or MAX_TEXT_BYTES))
    end,
  }
  local setters = {
    bool = obs.obs_data_set_default_bool,
    int = obs.obs_data_set_default_int,
    double = obs.obs_data_set_default_double,
    percent = function(s, name, share) obs.obs_data_set_default_double(s, name, 100 * share) end,
    string = obs.obs_data_set_default_string,
  }
  local readers = {
    bool = obs.obs_data_get_bool,
    int = obs.obs_data_get_int,
    double = obs.obs_data_get_double,
    percent = obs.obs_data_get_double,
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
    obs.obs_data_set_default_string(settings, "when_unstyled", "source")
  end

  local function json(settings)
    local parts = {}
    for index, field in ipairs(FIELDS) do
      parts[index] = json_string(field[1]) .. ":" .. getters[field[2]](settings, field[1])
    end
    return "{" .. table.concat(parts, ",") .. "}"
  end

  -- The settings as a value. text: for the Python half; look: the revision of the look in them, 0 = none; agreed: the
  -- same text for two filters whose settings agree (what hdr.py keeps in there is no setting); the others:
  -- what the render half itself needs.
  function M.read(settings)
    local fps, text = obs.obs_data_get_int(settings, "target_fps"), json(settings)
    local mode = obs.obs_data_get_string(settings, "capture_mode")
    local look = obs.obs_data_get_string(settings, "look") or ""
    return {
      text = text,
      agreed = mode .. text:gsub(',"hdr_[^,}]*', ""),
      look = tonumber(look:match('^{"revision": (%d+)')) or 0,
      enabled = obs.obs_data_get_bool(settings, "enabled"),
      target_fps = fps > 0 and fps or 30,
      capture_mode = mode,
      when_unstyled = layout.shows[obs.obs_data_get_string(settings, "when_unstyled")] or layout.shows.source,
    }
  end

  return M
end
