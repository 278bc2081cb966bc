-- Is the store there, and what time does it have? The key only leads to the right node of a Cluster.
local t = redis.call('TIME')
return { t[1] * 1000000 + t[2] }
