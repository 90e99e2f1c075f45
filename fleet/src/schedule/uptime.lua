-- Arguments: subjects. Gives the time, and the hours of each.
local rings = {}
for i = 2, #ARGV do
  rings[i - 1] = call('HGET', UPTIME, ARGV[i]) or ''
end
return {now, rings}
