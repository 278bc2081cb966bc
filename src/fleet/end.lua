-- A flight ended without an answer: with a failure that the question rests from for a while, or with nothing.
--
-- KEYS  flight
-- ARGV  replica, question's name, failure or '', rest in ms, news channel
-- Gives the time and whether the flight was the replica's.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local flight = redis.call('GET', KEYS[1])
if flight and flight ~= 'F' .. ARGV[1] then return { now, 0 } end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 'X' .. ARGV[3], 'PX', ARGV[4])
end
redis.call('PUBLISH', ARGV[5], ARGV[2] .. '\n' .. ARGV[3])
return { now, 1 }
