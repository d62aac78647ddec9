// What Redis does in one step for one-time things. KEYS are the names of one thing, one per master key (see one-time-names.ts);
// a script is atomic, so no other replica sees it half done. Each loop is bounded by the number of master keys.

/** ARGV: nonce, life in ms. 1: claimed under every name; 0: some name was taken. Marks are set together with their expiry. */
export const claimScript = `
for _, name in ipairs(KEYS) do
  if redis.call('EXISTS', name) == 1 then return 0 end
end
for _, name in ipairs(KEYS) do
  redis.call('SET', name, ARGV[1], 'PX', ARGV[2])
end
return 1`;

/** ARGV: nonce. Deletes what this very claim set and nothing else; the number of names that were deleted. */
export const releaseScript = `
local released = 0
for _, name in ipairs(KEYS) do
  if redis.call('GET', name) == ARGV[1] then released = released + redis.call('DEL', name) end
end
return released`;

/** ARGV: the longest value to read. Takes the value away for good, a longer one without reading it; false: there was none. */
export const takeScript = `
local found = false
for _, name in ipairs(KEYS) do
  if not found and redis.call('STRLEN', name) > 0 then
    found = redis.call('STRLEN', name) <= tonumber(ARGV[1]) and redis.call('GET', name) or ''
  end
  redis.call('DEL', name)
end
return found`;
