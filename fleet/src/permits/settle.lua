-- What was spent by now with a permit, in all, if anything is said of that; and whether its connection is closed. Said
-- twice it counts once.
-- KEYS: the server, its address, its neighbourhood, the permit.

local server_key, address_key, subnet_key, permit_key = unpack(KEYS)

local counted = tonumber(redis.call('GET', permit_key))
if not said.spent then
  said.spent = counted or said.set_aside
end
if not counted then
  -- It expired: what was set aside was counted and stays so.
  counted = math.max(said.spent, said.set_aside)
  add(server_key, counted - said.set_aside)
  if said.has_address then
    add(subnet_key, counted - said.set_aside)
  end
else
  add(server_key, said.spent - counted)
  if said.has_address then
    add(subnet_key, said.spent - counted)
  end
end
if said.closed then
  redis.call('HDEL', server_key, 'open:' .. said.id)
  redis.call('HDEL', address_key, 'open:' .. said.id)
  redis.call('SET', permit_key, number(said.spent), 'PX', said.remembered)
else
  redis.call('HSET', server_key, 'open:' .. said.id, now + said.lasting)
  if said.has_address then
    redis.call('HSET', address_key, 'open:' .. said.id, now + said.lasting)
  end
  redis.call('SET', permit_key, number(said.spent), 'PX', said.lasting)
end
keep_account(server_key)
if said.has_address then
  keep_account(address_key)
  keep_account(subnet_key)
end
return redis.status_reply('OK')
