-- What the scripts of the permits share: the account of a server or a neighbourhood is a hash.
-- Times are milliseconds, E decays by `decay` a second, as in scanner/src/ledger.

local said = cjson.decode(ARGV[1])
local now = said.now
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Spacings that another campaign may have, though this one does not.
local LONGEST_SPACING = 3600 * 1000

local function account(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do
    fields[flat[i]] = tonumber(flat[i + 1])
  end
  return fields
end

local function number(n)
  return string.format('%.17g', n)
end

local function owed(fields)
  local passed = math.max(0, now - (fields.at or now))
  return math.max(0, (fields.owed or 0) - passed / 1000 * said.decay)
end

local function add(key, e)
  redis.call('HSET', key, 'owed', number(math.max(0, owed(account(key)) + e)), 'at', now)
end

-- Keeps a key so long from now, unless it is kept longer already. One that says nothing any more goes.
local function keep(key, ms)
  ms = math.max(1, math.ceil(ms))
  if ms > redis.call('PTTL', key) then
    redis.call('PEXPIRE', key, string.format('%.0f', ms))
  end
end

-- Keeps an account as long as it says anything.
local function keep_account(key)
  local fields = account(key)
  local ends = now + owed(fields) / said.decay * 1000
  if fields.last then
    ends = math.max(ends, fields.last + math.max(LONGEST_SPACING, fields.spacing or 0))
  end
  if fields['until'] then
    ends = math.max(ends, fields['until'] + fields.length)
  end
  for field, value in pairs(fields) do
    if field:find('^due:') or field:find('^open:') then
      ends = math.max(ends, value)
    end
  end
  keep(key, ends - now)
end
