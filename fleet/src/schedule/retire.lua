-- Arguments: subjects. Keys beyond the common ones: their last deep visits. Needs no memory, so it works when Redis is full.
for i = 2, #ARGV do
  local subject = ARGV[i]
  for lane = 1, LANES do
    call('ZREM', KEYS[lane], subject)
  end
  call('ZREM', CLAIMS, subject)
  for _, key in ipairs({TOKENS, LISTINGS, RECORDS, UPTIME}) do
    call('HDEL', key, subject)
  end
  call('DEL', KEYS[14 + i])
end
