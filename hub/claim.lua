-- Claims one order for a chunk of users, each for one device, in one step.
-- KEYS[1]  the mark that says every claim of an order in window is in this Redis
-- ARGV[1]  what the claims' keys start with     ARGV[2]  seconds that a claim is kept
-- ARGV[3]  user ids, joined by commas           ARGV[4]  their devices, joined by commas
-- Returns a character a user: 1 claimed now, 2 this device had it already, 0 another device has it.
-- Without the mark Redis has lost its data: nothing is claimed until the claims are back.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('INCOMPLETE claims have to be restored first')
end
local next_device = string.gmatch(ARGV[4], '[^,]+')
local flags = {}
for user in string.gmatch(ARGV[3], '[^,]+') do
  local key, device = ARGV[1] .. user, next_device()
  if redis.call('SET', key, device, 'NX', 'EX', ARGV[2]) then
    flags[#flags + 1] = '1'
  elseif redis.call('GET', key) == device then
    flags[#flags + 1] = '2'
  else
    flags[#flags + 1] = '0'
  end
end
return table.concat(flags)
