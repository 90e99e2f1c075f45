-- Arguments: subject, token, how many words. Gives 1 if they are taken away, 0 if the claim is over.
local claim = fenced(ARGV[2], ARGV[3])
if claim and claim[3] then
  call('LTRIM', WORDS, ARGV[4], -1)
  return 1
end
if claim then
  call('INCR', STALE)
end
return 0
