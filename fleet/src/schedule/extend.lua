-- Arguments: the lease, then for each claim its subject and token. Gives for each 1 if it still was one, else 0.
local until_ = now + tonumber(ARGV[2])
local answers = {}
for i = 3, #ARGV, 2 do
  local claim = fenced(ARGV[i], ARGV[i + 1])
  if claim and claim[3] then
    local old = tonumber(call('ZSCORE', CLAIMS, ARGV[i]) or nil) or 0
    hold(ARGV[i], claim, math.max(until_, old))
    answers[#answers + 1] = 1
  else
    -- Who settles while its claims are extended does nothing wrong: that is not counted.
    answers[#answers + 1] = 0
  end
end
return answers
