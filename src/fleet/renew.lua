-- A replica is alive, and so are its flights.
--
-- KEYS  flights
-- ARGV  replica, life in ms
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
for _, flight in ipairs(KEYS) do
  if redis.call('GET', flight) == 'F' .. ARGV[1] then redis.call('PEXPIRE', flight, ARGV[2]) end
end
return { now }
