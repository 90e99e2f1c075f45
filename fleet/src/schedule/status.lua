-- Gives four numbers a lane (subjects, due, claimed, milliseconds the longest due has been due), then the workers, how many
-- claims each holds, how many visits wait, and the stale.
local claimed, held = {}, {}
for _, subject in ipairs(call('ZRANGEBYSCORE', CLAIMS, '(' .. now, '+inf')) do
  local claim = latest(subject)
  if claim and claim[4] then
    claimed[claim[3]] = (claimed[claim[3]] or 0) + 1
    held[claim[4]] = (held[claim[4]] or 0) + 1
  end
end
local lanes = {}
for lane = 1, LANES do
  local oldest = tonumber(call('ZRANGE', KEYS[lane], 0, 0, 'WITHSCORES')[2]) or now
  lanes[lane] = {
    call('ZCARD', KEYS[lane]), call('ZCOUNT', KEYS[lane], '-inf', now), claimed[lane] or 0, math.max(0, now - oldest),
  }
end
local workers = call('ZRANGEBYSCORE', WORKERS, '(' .. now, '+inf')
local holds = {}
for i, worker in ipairs(workers) do
  holds[i] = held[worker] or 0
end
return {lanes, workers, holds, call('XLEN', VISITS), tonumber(call('GET', STALE) or 0)}
