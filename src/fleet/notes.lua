-- Reads a part of the notes.
--
-- KEYS  the notes
-- ARGV  where to go on: 0 at first
-- Gives the time; where to go on, 0 at the end; what is meant and the moment, in turn.
local t = redis.call('TIME')
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
return { t[1] * 1000000 + t[2], page[1], page[2] }
