-- Arguments: for each subject its name, its listing, and for each lane how long until it is due, or nothing.
local new = 0
for i = 2, #ARGV, 2 + LANES do
  local subject = ARGV[i]
  new = new + call('HSET', LISTINGS, subject, ARGV[i + 1])
  for lane = 1, LANES do
    local delay = tonumber(ARGV[i + 1 + lane])
    if delay then
      call('ZADD', KEYS[lane], 'NX', now + delay, subject)
    end
  end
  local until_ = tonumber(call('ZSCORE', CLAIMS, subject) or nil)
  local claim = until_ and until_ > now and latest(subject)
  if claim then
    hold(subject, claim, until_)
  end
end
return new
