-- Notes something that every replica has to know, now and when it starts, and tells everyone.
--
-- KEYS  the notes: a hash from what is meant to the latest moment at which, or up to which, it is
-- ARGV  what is meant, moment or '' for now, news channel, most notes or 0, what is meant when there would be more
-- Gives the time.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local meant, moment, most = ARGV[1], ARGV[2], tonumber(ARGV[4])
if moment == '' then moment = string.format('%.0f', now) end
if most > 0 and (meant == ARGV[5] or redis.call('HLEN', KEYS[1]) >= most) then
  redis.call('DEL', KEYS[1])
  meant = ARGV[5]
end
local known = redis.call('HGET', KEYS[1], meant)
if not known or tonumber(known) < tonumber(moment) then redis.call('HSET', KEYS[1], meant, moment) end
redis.call('PUBLISH', ARGV[3], moment .. '\n' .. meant)
return { now }
