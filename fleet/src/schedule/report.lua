-- Arguments: subject, token, number, how many visits may wait, the entry, the record, '1' or '0' for whether it is doubtful,
-- '1' for up, '0' for down or nothing, the last deep visit or nothing, for how many seconds answers are kept, the lane, then
-- the answers. Keys beyond the common ones: the last deep visit, then one for each answer. Gives 1 if it is put, now or
-- before, 0 if the claim is over, or how many visits wait, negative.
local subject, number, up = ARGV[2], tonumber(ARGV[4]), ARGV[9]
local claim = fenced(subject, ARGV[3])
if not claim then
  return 0
end
if number <= claim[2] then
  return 1
end
if not claim[3] then
  call('INCR', STALE)
  return 0
end
local waiting = call('XLEN', VISITS)
if waiting >= tonumber(ARGV[5]) then
  return -waiting
end

call('XADD', VISITS, '*', 'v', ARGV[6], 'lane', ARGV[12], 'doubtful', ARGV[8], 'up', up)
for i = 13, #ARGV do
  call('SET', KEYS[4 + i], ARGV[i], 'EX', ARGV[11])
end
call('HSET', RECORDS, subject, ARGV[7])
if ARGV[10] ~= '' then
  call('SET', KEYS[16], ARGV[10])
end

-- fleet/src/uptime.rs has the form.
if up ~= '' and ARGV[8] ~= '1' then
  local HOURS, BYTES = 720, 180
  local hour = math.floor(now / 3600000)
  local ring = call('HGET', UPTIME, subject)
  if not ring or #ring ~= 4 + BYTES then
    ring = struct.pack('>I4', hour) .. string.rep('\0', BYTES)
  end
  local newest = struct.unpack('>I4', ring)
  if hour >= newest then
    local slots = {string.byte(ring, 5, -1)}
    for stale = math.max(newest + 1, hour - HOURS + 1), hour do
      local slot = stale % HOURS
      local at, unit = math.floor(slot / 4) + 1, 4 ^ (slot % 4)
      slots[at] = slots[at] - math.floor(slots[at] / unit) % 4 * unit
    end
    local slot = hour % HOURS
    local at, unit = math.floor(slot / 4) + 1, 4 ^ (slot % 4)
    local seen = math.floor(slots[at] / unit) % 4
    local bit_ = up == '1' and 1 or 2
    if seen ~= bit_ and seen ~= 3 then
      slots[at] = slots[at] + bit_ * unit
    end
    call('HSET', UPTIME, subject, struct.pack('>I4', hour) .. string.char(unpack(slots)))
  end
end

claim[2] = number
remember(subject, claim)
return 1
