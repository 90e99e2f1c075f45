-- Arguments: a worker, and for how long it is there.
call('ZADD', WORKERS, now + tonumber(ARGV[3]), ARGV[2])
call('ZREMRANGEBYSCORE', WORKERS, '-inf', now)
local present = call('ZRANGE', WORKERS, 0, -1)
return present
