-- KEYS: who publishes. ARGV: who asks, for how many milliseconds. Gives another who publishes, or nothing: then whoever asks does.
local publisher = redis.call('GET', KEYS[1])
if publisher and publisher ~= ARGV[1] then
  return publisher
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
