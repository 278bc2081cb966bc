-- A flight brought an answer: stores it for all replicas, ends the flight, tells everyone.
--
-- KEYS  flight, answer, index of answers, sizes of answers
-- ARGV  replica, question's name, envelope, life in ms or 0 for good, what all may weigh in bytes, how long the landing is
--       remembered in ms, news channel, prefix of answers, what an entry costs besides its envelope
-- Gives the time and what all answers weigh.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local replica, name, envelope, life = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
redis.call('SET', KEYS[2], envelope)
if life > 0 then redis.call('PEXPIRE', KEYS[2], life) end
local weight = #envelope + tonumber(ARGV[9])
local before = tonumber(redis.call('HGET', KEYS[4], name) or 0)
redis.call('HSET', KEYS[4], name, weight)
local total = redis.call('HINCRBY', KEYS[4], '*', weight - before)
redis.call('ZADD', KEYS[3], string.format('%.0f', now), name)

-- The oldest go first, a few at a time, so that no landing pays for many.
for _ = 1, 64 do
  if total <= tonumber(ARGV[5]) then break end
  local oldest = redis.call('ZPOPMIN', KEYS[3])[1]
  if not oldest then break end
  redis.call('DEL', ARGV[8] .. oldest)
  total = redis.call('HINCRBY', KEYS[4], '*', -tonumber(redis.call('HGET', KEYS[4], oldest) or 0))
  redis.call('HDEL', KEYS[4], oldest)
end

-- Another may have taken the flight over; it is still up, and lands by itself.
local flight = redis.call('GET', KEYS[1])
if not flight or flight == 'F' .. replica then redis.call('SET', KEYS[1], 'L', 'PX', ARGV[6]) end
redis.call('PUBLISH', ARGV[7], envelope)
return { now, total }
