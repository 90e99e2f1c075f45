-- May one connection be opened now? If so it counts from here on, in every account. All or nothing.
-- KEYS: the server, its address, its neighbourhood, its autonomous system, the permit.

local server_key, address_key, subnet_key, system_key, permit_key = unpack(KEYS)

-- Asked again because the answer was lost.
if redis.call('EXISTS', permit_key) == 1 then
  return { 'granted', 0 }
end

-- One machine may have many names.
local server = account(server_key)
local address = said.has_address and account(address_key) or {}
local quiet = math.max(server['until'] or 0, address['until'] or 0)
if quiet > now then
  return { 'left-alone', quiet - now }
end

local function open(key, fields)
  local n = 0
  for field, ends in pairs(fields) do
    if field:find('^open:') then
      if ends > now then
        n = n + 1
      else
        redis.call('HDEL', key, field)
      end
    end
  end
  return n
end
if math.max(open(server_key, server), open(address_key, address)) >= said.connections then
  return { 'not-before', 1000 }
end

if not said.spared then
  local due = server['due:' .. said.class] or 0
  if due > now then
    return { 'not-due', due - now }
  end
  local room = math.max(0, said.most_owed - said.set_aside)
  local function next_for(fields, spacing)
    local spaced = fields.last and fields.last + spacing or now
    return math.max(spaced, now + math.max(0, owed(fields) - room) / said.decay * 1000)
  end
  local earliest = next_for(server, said.server_spacing)
  if said.has_address then
    earliest = math.max(earliest, next_for(account(subnet_key), said.subnet_spacing))
  end
  if said.has_system then
    local last = tonumber(redis.call('GET', system_key))
    earliest = math.max(earliest, last and last + said.system_spacing or now)
  end
  if earliest > now then
    return { 'not-before', math.ceil(earliest - now) }
  end
end

local function count(key, spacing)
  add(key, said.set_aside)
  local longest = math.max(spacing, tonumber(redis.call('HGET', key, 'spacing')) or 0)
  redis.call('HSET', key, 'last', now, 'spacing', longest)
end
count(server_key, said.server_spacing)
redis.call('HSET', server_key, 'open:' .. said.id, now + said.lasting)
if said.class_spacing then
  redis.call('HSET', server_key, 'due:' .. said.class, now + said.class_spacing)
end
keep_account(server_key)
if said.has_address then
  redis.call('HSET', address_key, 'open:' .. said.id, now + said.lasting)
  keep_account(address_key)
  count(subnet_key, said.subnet_spacing)
  keep_account(subnet_key)
end
if said.has_system then
  redis.call('SET', system_key, now, 'PX', math.max(LONGEST_SPACING, said.system_spacing))
end
redis.call('SET', permit_key, number(said.set_aside), 'PX', said.lasting)
return { 'granted', 0 }
