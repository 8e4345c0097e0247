-- SPDX-License-Identifier: Apache-2.0
-- The filter when it must not run: it shows its source (nothing, where the user chose that nothing untouched is shown),
-- keeps its settings, and says why in its window.
--
-- For the Python half's wish (a refusal in the script settings), and for a Python half of another release, whose control
-- block is then not touched. Called on any of OBS's threads; nothing here waits or allocates per frame.

local obs = obslua

local M = {}

-- Why this half must not run under the Python half that loads it; "" if it may.
function M.why(settings, layout_version)
  local told, theirs = obs.obs_data_get_string(settings, "refusal"), obs.obs_data_get_int(settings, "layout_version")
  if told ~= "" or theirs == layout_version or obs.obs_data_get_string(settings, "control_block") == "" then
    return told
  end
  local running = obs.obs_data_get_string(settings, "release")
  return string.format("Mirage LSD's files are of different releases: OBS runs %s with layout %d, filter.lua has "
    .. "layout %d. Restart OBS; if that does not help, run ./installers/install.sh",
    running ~= "" and running or "an older one", theirs, layout_version)
end

-- Whether the user hides what is not styled. The defaults are not known here: what was never set is on, and shown.
local function hides(settings)
  local off = obs.obs_data_has_user_value(settings, "enabled") and not obs.obs_data_get_bool(settings, "enabled")
  local chosen = obs.obs_data_get_string(settings, "when_unstyled")
  return not off and (chosen == "last" or chosen == "nothing")
end

-- The source that OBS gets in the filter's place. `sizes`: info.get_width and info.get_height.
function M.source(native, id, why, sizes)
  local info = { id = id, type = obs.OBS_SOURCE_TYPE_FILTER, get_width = sizes[1], get_height = sizes[2] }
  info.output_flags = bit.bor(obs.OBS_SOURCE_VIDEO, obs.OBS_SOURCE_SRGB)

  function info.get_name()
    return "Mirage LSD"
  end

  function info.create(settings, source)
    return { source = native.pointer(source), hides = hides(settings) }
  end

  function info.update(state, settings)
    state.hides = hides(settings)
  end

  function info.get_properties(state)
    local shown = obs.obs_properties_create()
    local showing = state.hides and "Showing nothing: " or "Showing the source: "
    obs.obs_properties_add_text(shown, "status", showing .. why, obs.OBS_TEXT_INFO)
    return shown
  end

  function info.video_render(state)
    if not state.hides then
      native.C.obs_source_skip_video_filter(state.source)
    end
  end

  obs.script_log(obs.LOG_ERROR, why)
  return info
end

return M
