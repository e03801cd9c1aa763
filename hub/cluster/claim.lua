-- Claims one order for a chunk of users, each for one device, in one step.
-- KEYS[1]  the mark of the server whose claims are complete: every claim of an order in window is in it
-- ARGV[1]  what the claims' keys start with     ARGV[2]  seconds that a claim is kept
-- ARGV[3]  user ids, joined by commas           ARGV[4]  their devices, joined by commas
-- ARGV[5]  the identity of the server that the caller's family of processes has agreed on
-- Returns a character a user: 1 claimed now, 2 this device had it already, 0 another device has it.
-- Another server than that, or a mark that is missing or another server's (restarted from a snapshot, failed over,
-- promoted): claims may be missing here, so nothing is claimed until they are restored from the rows.
local call, find, sub = redis.call, string.find, string.sub
local me = ARGV[5]
if sub(me, 1, 9) ~= 'embedded-' then
  me = string.match(call('INFO', 'server'), 'run_id:(%w+)')
    .. ':' .. string.match(call('INFO', 'replication'), 'master_replid:(%w+)')
end
local incomplete = 'INCOMPLETE claims have to be restored first'
-- pcall: a key that somebody gave another type is no mark.
if me ~= ARGV[5] or redis.pcall('GET', KEYS[1]) ~= me then
  return redis.error_reply(incomplete)
end
local prefix, seconds, users, devices = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local flags, user, device_at, n = {}, 1, 1, 0
-- Cut by hand: string.gmatch takes a seventh more of Redis's time, and Redis's time is what an order waits for.
while user <= #users do
  local user_end = find(users, ',', user, true) or #users + 1
  local device_end = find(devices, ',', device_at, true) or #devices + 1
  local key, device = prefix .. sub(users, user, user_end - 1), sub(devices, device_at, device_end - 1)
  n = n + 1
  if call('SET', key, device, 'NX', 'EX', seconds) then
    flags[n] = '1'
  else
    local holder = redis.pcall('GET', key)
    if type(holder) == 'table' then
      -- Somebody gave the key another type: the claim that it held, if any, is lost here and stands in the rows.
      call('DEL', key, KEYS[1])
      return redis.error_reply(incomplete)
    end
    flags[n] = holder == device and '2' or '0'
  end
  user, device_at = user_end + 1, device_end + 1
end
return table.concat(flags)
