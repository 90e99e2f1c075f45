-- KEYS: the stream, the list of what is spoilt. ARGV: the group, the id of the entry, why, how many are kept.
redis.call('LPUSH', KEYS[2], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.status_reply('OK')
