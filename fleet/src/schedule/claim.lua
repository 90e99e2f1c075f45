-- Arguments: a worker, how many, the lease, the patience, how many visits may wait, then the lanes in their order.
-- Gives for each claim its subject, and lane, token, when it was due, listing, record. What has been due for the patience is
-- anybody's, and the oldest come first, so that nobody waits for ever however few are looked at.
local worker, most = ARGV[2], tonumber(ARGV[3])
local lease, patience, cap = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local waiting = call('XLEN', VISITS)
if waiting >= cap then
  return waiting
end

local PRIME = 67108859
local function seed(name)
  return tonumber(string.sub(redis.sha1hex(name), 1, 7), 16) % 67108864
end

local present, self = {}, nil
for _, name in ipairs(call('ZRANGEBYSCORE', WORKERS, '(' .. now, '+inf')) do
  present[#present + 1] = {name = name, seed = seed(name)}
  if name == worker then
    self = present[#present]
  end
end

local function mine(subject)
  if not self then
    return false
  end
  local s = seed(subject)
  local own = s * self.seed % PRIME
  for _, other in ipairs(present) do
    local weight = s * other.seed % PRIME
    if weight > own or (weight == own and other.name > self.name) then
      return false
    end
  end
  return true
end

local taken, last = {}, nil
for i = 7, #ARGV do
  local lane = tonumber(ARGV[i])
  local left = most - #taken
  if left == 0 then
    break
  end
  local due = call('ZRANGEBYSCORE', KEYS[lane], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 4 * left + 64)
  for j = 1, #due, 2 do
    if left == 0 then
      break
    end
    local subject, when = due[j], tonumber(due[j + 1])
    if now - when >= patience or mine(subject) then
      local token = call('INCR', TOKEN)
      hold(subject, {token, 0, lane, worker, false, false, false, false}, now + lease)
      left = left - 1
      taken[#taken + 1] = {
        subject,
        {lane, token, when, call('HGET', LISTINGS, subject) or '', call('HGET', RECORDS, subject) or ''},
      }
    end
  end
end
if #taken > 0 then
  call('ZREMRANGEBYSCORE', CLAIMS, '-inf', now)
end
return taken
