-- The owner of a slot says when it frees, from now on in microseconds: brings the moment forward, or holds it longer.
--
-- KEYS  slots, turns
-- ARGV  slot, owner, fence, frees in or '', news channel of slots, news channel of throttles or '', tenant to give the turn back
--       to or '', its stride
-- Gives the time, and 1, or 0 where the slot has another owner by now.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local slot, owner, fence = ARGV[1], ARGV[2], ARGV[3]
local function whole(number) return string.format('%.0f', number) end

if ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[6], owner) end
if ARGV[7] ~= '' then
  local pass, present = redis.call('HGET', KEYS[2], ARGV[7]), tonumber(redis.call('HGET', KEYS[2], '*') or 0)
  if pass then redis.call('HSET', KEYS[2], ARGV[7], whole(math.max(tonumber(pass) - tonumber(ARGV[8]), present))) end
end
local known = redis.call('HMGET', KEYS[1], 'owner:' .. slot, 'fence:' .. slot, 'until:' .. slot)
if known[1] ~= owner or known[2] ~= fence then return { now, 0 } end
if ARGV[4] == '' then return { now, 1 } end
local ends = now + tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'until:' .. slot, whole(ends))
if ends < tonumber(known[3]) then redis.call('PUBLISH', ARGV[5], ARGV[4]) end
return { now, 1 }
