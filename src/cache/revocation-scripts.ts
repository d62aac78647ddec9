// What Redis does in one step for the log of revocations. KEYS: head (a hash of the log's name and its last number), entries (by
// number), expiries (by instant) and names (a hash that finds an entry by what it is about); ARGV as each script says.

/** Of expired entries, per append: more than one goes for each that comes. */
const forgetPerAppend = 100;

/**
 * A replica that becomes the master may lack the last entries, and gives their numbers to others: whoever has read them would take
 * the others for known. What a server calls its history is new then (16 of its 40 digits), and the log is another one with it.
 */
const history = `
local info = redis.pcall('INFO', 'replication')
local history = '.' .. string.sub(type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or '', 1, 16)`;

/**
 * ARGV: name for a new log, sealed entry, name of what it is about, until, expiry, both epoch seconds (until 0 for a token), now in
 * epoch ms, the most entries. The log's name and the number; false: there is no room. All keys live as long as the last entry.
 */
export const appendScript = `${history}
local head, entries, expiries, names = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local untilAt, expiresAt, now = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local function forget(member)
  local seq, name = string.match(member, '^(%d+) (.*)$')
  redis.call('ZREMRANGEBYSCORE', entries, seq, seq)
  redis.call('ZREM', expiries, member)
  local last = redis.call('HGET', names, name)
  if last and string.match(last, '^%d+') == seq then redis.call('HDEL', names, name) end
end
local log = redis.call('HGET', head, 'log')
if not log then
  log = ARGV[1]
  -- First of all, as a script that has written is no longer refused for want of memory.
  redis.call('HSET', head, 'log', log, 'seq', 0)
  redis.call('DEL', entries, expiries, names)
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now / 1000, 'LIMIT', 0, ${forgetPerAppend})) do
  forget(member)
end
local last = redis.call('HGET', names, ARGV[3])
if last then
  local seq, lastUntil, lastExpiry = string.match(last, '^(%d+) (%d+) (%d+)$')
  lastUntil, lastExpiry = tonumber(lastUntil), tonumber(lastExpiry)
  if lastUntil >= untilAt and lastExpiry >= expiresAt then return {log .. history, seq} end
  if untilAt >= lastUntil and expiresAt >= lastExpiry then forget(seq .. ' ' .. ARGV[3]) end
end
if redis.call('ZCARD', entries) >= tonumber(ARGV[7]) then return false end
local seq = redis.call('HINCRBY', head, 'seq', 1)
redis.call('ZADD', entries, seq, ARGV[2])
redis.call('ZADD', expiries, expiresAt, seq .. ' ' .. ARGV[3])
redis.call('HSET', names, ARGV[3], seq .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < expiresAt * 1000 - now then redis.call('PEXPIRE', key, expiresAt * 1000 - now) end
end
return {log .. history, tostring(seq)}`;

/** ARGV: since, limit, the longest entry to read. The log's name and last number, then number and entry by turns; one longer reads as empty. */
export const readScript = `${history}
local at = redis.call('HMGET', KEYS[1], 'log', 'seq')
if not at[1] then return {'', '0'} end
local answer = {at[1] .. history, at[2]}
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for index = 1, #found, 2 do
  answer[#answer + 1] = found[index + 1]
  answer[#answer + 1] = #found[index] <= tonumber(ARGV[3]) and found[index] or ''
end
return answer`;
