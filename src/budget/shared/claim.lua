-- Takes a slot for the question whose turn it is among those that all replicas bid for, or says when to come again.
--
-- KEYS  slots, turns, bids, then the flight of each question bid for
-- ARGV  replica, not after, slots, hold, longest hold, pause, life of a bid, grace, life of a flight in ms, news channel,
--       prefix of flights; then for each bid: tenant, weight, question, age, questions waiting. Times in microseconds.
-- Gives the time; a word; what the word needs; the bids whose questions are asked elsewhere; and how it all stands.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local me, not_after, calls = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local hold, longest, pause = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local bid_life, grace, flight_ms, channel, flights = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], ARGV[10], ARGV[11]
local FIRST_BID, STRIDE = 12, 5040000

local function whole(number) return string.format('%.0f', number) end

-- Asked so long ago that whoever asked has given up: a grant would only waste the slot.
if now > not_after then return { now, 'late' } end

-- Slots of another server, or of one that lost its data, say nothing about the calls of a moment ago: all of them count as
-- just claimed.
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not run_id then return redis.error_reply('SLUICE this server does not tell its run_id') end
if redis.call('HGET', KEYS[1], 'run_id') ~= run_id then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'run_id', run_id)
end
local untils, free, free_since, first = {}, nil, nil, nil
for slot = 0, calls - 1 do
  local ends = tonumber(redis.call('HGET', KEYS[1], 'until:' .. slot) or (now + pause))
  -- Further away than anybody holds a slot: the clock was set back.
  ends = math.min(ends, now + longest)
  redis.call('HSET', KEYS[1], 'until:' .. slot, whole(ends))
  untils[slot + 1] = ends
  if ends <= now and (not free or ends < free_since) then free, free_since = slot, ends end
  if not first or ends < first then first = ends end
end

-- What all replicas bid: by tenant, with what waits elsewhere.
local demand = {}
local function want(tenant, weight, bid, elsewhere)
  local line = demand[tenant] or { weight = 1, bids = {}, elsewhere = 0 }
  demand[tenant] = line
  line.weight = math.max(line.weight, weight)
  line.elsewhere = line.elsewhere + elsewhere
  table.insert(line.bids, bid)
end
local registered = redis.call('HGETALL', KEYS[3])
for i = 1, #registered, 2 do
  local replica = registered[i]
  if replica ~= me then
    local ok, bids = pcall(cmsgpack.unpack, registered[i + 1])
    if ok and type(bids) == 'table' and type(bids[1]) == 'number' and bids[1] > now and bids[1] <= now + bid_life then
      for b = 2, #bids, 5 do
        want(bids[b], bids[b + 1], { replica = replica, name = bids[b + 2], since = bids[b + 3] }, bids[b + 4])
      end
    else
      redis.call('HDEL', KEYS[3], replica)
    end
  end
end
local mine, parked = { now + bid_life }, {}
local flying = #KEYS > 3 and redis.call('MGET', unpack(KEYS, 4)) or {}
for i = 1, #KEYS - 3 do
  local at = FIRST_BID + (i - 1) * 5
  local tenant, weight, name, waiting = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], tonumber(ARGV[at + 4])
  if flying[i] and flying[i] ~= 'F' .. me then
    -- What has landed is told at once by the news; it is looked up in a moment, should that be missed.
    local left = redis.call('PTTL', KEYS[i + 3])
    if string.sub(flying[i], 1, 1) ~= 'F' then left = math.min(left, 100) end
    table.insert(parked, { i - 1, left })
  else
    local since = now - tonumber(ARGV[at + 3])
    for _, part in ipairs({ tenant, weight, name, since, waiting }) do table.insert(mine, part) end
    want(tenant, weight, { replica = me, name = name, since = since, index = i }, 0)
  end
end

-- The common order of turns: the lowest pass goes next; who comes back starts at the present.
local stored, turns = redis.call('HGETALL', KEYS[2]), {}
for i = 1, #stored, 2 do turns[stored[i]] = tonumber(stored[i + 1]) end
local present = turns['*'] or 0
local order = {}
for tenant, line in pairs(demand) do
  line.tenant, line.pass = tenant, math.max(turns[tenant] or 0, present)
  table.sort(line.bids, function(a, b)
    if a.since ~= b.since then return a.since < b.since end
    return a.replica < b.replica
  end)
  table.insert(order, line)
end
table.sort(order, function(a, b)
  if a.pass ~= b.pass then return a.pass < b.pass end
  return a.tenant < b.tenant
end)

-- Whose turn it is. A replica that does not come for its turn in time has lost all its bids.
local gone = {}
local function next_turn()
  for _, line in ipairs(order) do
    for _, bid in ipairs(line.bids) do
      if bid.replica == me then return line, bid end
      if not gone[bid.replica] then
        local flight = redis.call('GET', flights .. bid.name)
        if not flight or flight == 'F' .. bid.replica then
          -- Counted from when the slot was first passed over, for whomever: else two could yield to each other for ever.
          local since = tonumber(redis.call('HGET', KEYS[1], 'over') or 0)
          if since == 0 or since > now then
            redis.call('HSET', KEYS[1], 'over', whole(now))
            redis.call('PUBLISH', channel, '0')
            return line, bid
          end
          if now - since <= grace then return line, bid end
          gone[bid.replica] = true
          redis.call('HDEL', KEYS[3], bid.replica)
          redis.call('HSET', KEYS[1], 'over', whole(now))
        end
      end
    end
  end
end

local word, detail = 'wait', math.max(first - now, 0)
if free then
  local line, bid = next_turn()
  if bid and bid.replica == me then
    local fence = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'fence:' .. free) or 0) + 1)
    redis.call('HSET', KEYS[1], 'owner:' .. free, me, 'fence:' .. free, whole(fence), 'until:' .. free, whole(now + hold))
    redis.call('HDEL', KEYS[1], 'over')
    redis.call('SET', KEYS[bid.index + 3], 'F' .. me, 'PX', flight_ms)
    untils[free + 1] = now + hold
    present = line.pass
    line.pass = line.pass + math.floor(STRIDE / line.weight)
    redis.call('HSET', KEYS[2], '*', whole(present), line.tenant, whole(line.pass))
    -- Its place is taken; the rest of the line is bid for at the next claim.
    for b = 2, #mine, 5 do
      if mine[b] == line.tenant and mine[b + 2] == bid.name then
        for _ = 1, 5 do table.remove(mine, b) end
        break
      end
    end
    -- A pass that lies behind says no more than its absence.
    for tenant, pass in pairs(turns) do
      if tenant ~= '*' and pass <= present and not demand[tenant] then redis.call('HDEL', KEYS[2], tenant) end
    end
    word, detail = 'granted', { free, fence, bid.index - 1 }
  elseif bid then
    word, detail = 'theirs', 0
  end
end
if #mine > 1 then
  redis.call('HSET', KEYS[3], me, cmsgpack.pack(mine))
else
  redis.call('HDEL', KEYS[3], me)
end

local lines = {}
for _, line in ipairs(order) do table.insert(lines, { line.tenant, line.pass, line.weight, line.elsewhere }) end
local frees = {}
for slot, ends in ipairs(untils) do frees[slot] = math.max(ends - now, 0) end
return { now, word, detail, parked, frees, present, lines }
