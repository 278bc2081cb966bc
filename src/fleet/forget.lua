-- Drops notes that mean nothing any more.
--
-- KEYS  the notes
-- ARGV  what they meant
-- Gives the time.
local t = redis.call('TIME')
redis.call('HDEL', KEYS[1], unpack(ARGV))
return { t[1] * 1000000 + t[2] }
