-- SPDX-License-Identifier: Apache-2.0
-- Finds streams among all: those whose filters have the names of source and filter in common, their key.
--
-- Called on any of OBS's threads, under the script's mutex. Invariant: it only looks.

return function(all)
  local M = {}

  function M.older(filter, other)
    return filter.number < other.number
  end

  -- The stream of twins with these settings, the one of the oldest filter if there are several.
  function M.agreeing(key, options)
    local oldest
    for _, stream in ipairs(all) do
      local agrees = stream.key == key and stream.options.agreed == options.agreed
      if agrees and not (oldest and M.older(oldest.members[1], stream.members[1])) then
        oldest = stream
      end
    end
    return oldest
  end

  function M.by_instance(key, instance)
    for index = 1, #all do
      if all[index].slot.instance == instance and all[index].key == key then
        return all[index]
      end
    end
  end

  -- Another stream of this one's key that lends(stream, now), or nil.
  function M.lender(stream, lends, now)
    for index = 1, #all do
      local other = all[index]
      if other ~= stream and other.key == stream.key and lends(other, now) then
        return other
      end
    end
  end

  return M
end
