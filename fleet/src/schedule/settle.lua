-- Arguments: for each claim its subject, its token, and how long until it is due again, or nothing. Gives for each 1 if it
-- is settled, now or before, else 0.
local answers = {}
for i = 2, #ARGV, 3 do
  local subject = ARGV[i]
  local claim = fenced(subject, ARGV[i + 1])
  if claim and claim[3] then
    remember(subject, {claim[1], claim[2]})
    for lane = 1, LANES do
      local delay = tonumber(ARGV[i + 2])
      if lane ~= claim[3] then
        if claim[4 + lane] then
          call('ZADD', KEYS[lane], claim[4 + lane], subject)
        end
      elseif delay then
        call('ZADD', KEYS[lane], now + delay, subject)
      else
        call('ZREM', KEYS[lane], subject)
      end
    end
    call('ZREM', CLAIMS, subject)
  end
  answers[#answers + 1] = claim and 1 or 0
end
return answers
