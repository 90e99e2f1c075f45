-- What all scripts of the schedule begin with. fleet/src/keys.rs names the keys; table.rs has the same rules in Rust.
-- The first write of each script is one that Redis refuses when it is full, wherever one of them needs memory: Redis
-- lets a script that has written go on, so that either all of it is done or nothing.
local LANES = 4
local CLAIMS, TOKENS, LISTINGS, RECORDS, UPTIME, WORKERS, STALE, WORDS =
  KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local TOKEN, VISITS, KEPT = KEYS[13], KEYS[14], KEYS[15]
local call = redis.call

-- The clock of Redis is the only one; tests tell another.
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Of each subject that was claimed: {token, reports} when settled, and else
-- {token, reports, lane, worker, and for each lane when the subject was due in it, if it is kept from it}. False where there
-- is none, or somebody else wrote over it.
local function latest(subject)
  local read, claim = pcall(cmsgpack.unpack, call('HGET', TOKENS, subject) or '')
  return read and type(claim) == 'table' and claim
end

local function remember(subject, claim)
  call('HSET', TOKENS, subject, cmsgpack.pack(claim))
end

-- The claim, if this is the subject's latest token; else false, and that is counted.
local function fenced(subject, token)
  local claim = latest(subject)
  if claim and claim[1] == tonumber(token) then
    return claim
  end
  call('INCR', STALE)
  return false
end

-- Keeps a claimed subject from being due in any lane until its lease is over.
local function hold(subject, claim, until_)
  call('ZADD', CLAIMS, until_, subject)
  for lane = 1, LANES do
    local due = tonumber(call('ZSCORE', KEYS[lane], subject) or nil)
    if due and due < until_ then
      claim[4 + lane] = claim[4 + lane] or due
      call('ZADD', KEYS[lane], until_, subject)
    end
  end
  remember(subject, claim)
end
