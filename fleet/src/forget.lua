-- Key: any of the campaign's, for its slot. Arguments: a cursor, a pattern, how many keys to look at. Deletes what fits the
-- pattern; gives the next cursor and how many keys that were. Looks at one page, so that nobody else waits for long.
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
for _, key in ipairs(page[2]) do
  redis.call('UNLINK', key)
end
return {page[1], #page[2]}
