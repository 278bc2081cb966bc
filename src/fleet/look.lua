-- What the replicas have to do with a question: whether one asks it, failed with it a moment ago, or brought its answer.
--
-- KEYS  flight, answer, index of answers, purges
-- ARGV  the replica that asks, whose own flights do not count; the question's name, then the names of the purges that would take its answer
-- Gives the time; flying | failed | none; what is left of that in ms; the failure; the answer or an empty string.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local flight, answer = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
local word, left, fault = 'none', 0, ''
if flight and flight ~= 'F' .. ARGV[1] then
  local mark = string.sub(flight, 1, 1)
  if mark == 'F' then word, left = 'flying', redis.call('PTTL', KEYS[1]) end
  if mark == 'X' then word, left, fault = 'failed', redis.call('PTTL', KEYS[1]), string.sub(flight, 2) end
end
if answer then
  local stored = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[2]) or 0)
  for _, purged in ipairs(redis.call('HMGET', KEYS[4], unpack(ARGV, 3))) do
    if purged and tonumber(purged) >= stored then answer = false end
  end
end
return { now, word, left, fault, answer or '' }
