"""What is done with commit statuses in Redis in one step each; see `jobs.statuses`."""

WANT = """
local latest = redis.call('HGET', KEYS[1], ARGV[1]) or redis.call('GET', KEYS[3])
if latest == ARGV[2] then return 0 end
if latest then
  local known, wanted = cjson.decode(latest), cjson.decode(ARGV[2])
  if ARGV[3] == '0' and known.state ~= 'pending' then return 0 end
  if known.state == 'pending' and wanted.state == 'pending' and known.description == wanted.description then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1
"""
"""KEYS open, due, posted; ARGV subject, status, whether it may follow a final one, now.

A commit may have several jobs under way: that it is pending is said once, with the link to the first.
"""

DUE = """
local count, found = {}, {}
for _, field in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local repository = string.match(field, '^[^|]*')
  local number = (count[repository] or 0) + 1
  count[repository] = number
  if number <= 2 * tonumber(ARGV[3]) then found[#found + 1] = field end
end
return found
"""
"""KEYS due; ARGV now, how many are looked at, how many of one repository are posted at once: as many again, since those may be under way.
Those of each repository that are due first, in that order."""

POSTED = """
redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[4])
redis.call('HDEL', KEYS[4], ARGV[1])
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  if ARGV[3] == '1' then redis.call('HDEL', KEYS[1], ARGV[1]) end
end
"""
"""KEYS open, due, posted, attempts; ARGV subject, status, whether it is final, lifetime. Something newer may be wanted by now."""

TAKE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] and redis.call('EXISTS', ARGV[2] .. owner) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
"""
"""KEYS lock; ARGV worker, where workers say that they live, lifetime. What a dead worker was posting is taken over at once."""

GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

LATER = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZADD', KEYS[2], 'XX', ARGV[3], ARGV[1]) end
"""
"""KEYS open, due; ARGV subject, status, when. What is wanted since then is not made to wait."""
