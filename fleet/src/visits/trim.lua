-- KEYS: the stream. ARGV: the groups that must have read an entry before it goes.

local function parts(id)
  local ms, seq = id:match('^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function before(a, b)
  local a_ms, a_seq = parts(a)
  local b_ms, b_seq = parts(b)
  return a_ms < b_ms or (a_ms == b_ms and a_seq < b_seq)
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local delivered = {}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local fields = {}
  for i = 1, #group, 2 do
    fields[group[i]] = group[i + 1]
  end
  delivered[fields.name] = fields['last-delivered-id']
end

local smallest
for _, group in ipairs(ARGV) do
  -- Nothing is over before everybody reads.
  if not delivered[group] then
    return 0
  end
  local pending = redis.call('XPENDING', KEYS[1], group)
  local first
  if pending[1] > 0 then
    first = pending[2]
  else
    local ms, seq = parts(delivered[group])
    first = string.format('%.0f-%.0f', ms, seq + 1)
  end
  if not smallest or before(first, smallest) then
    smallest = first
  end
end
return redis.call('XTRIM', KEYS[1], 'MINID', smallest)
