-- It said stop: nobody visits it for a while, and for twice as long each time it says so again.
-- KEYS: the server, and its address where that is another account.

for _, key in ipairs(KEYS) do
  local fields = account(key)
  local ends, length = fields['until'], fields.length
  -- Visits that were under way together hear one stop, not several.
  if not (ends and now < ends) then
    if ends and now < ends + length then
      length = math.min(length * 2, said.longest)
    else
      length = said.first
    end
    redis.call('HSET', key, 'until', now + length, 'length', length)
    keep_account(key)
  end
end
return redis.status_reply('OK')
