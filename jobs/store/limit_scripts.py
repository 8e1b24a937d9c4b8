"""What is done with the limits of forges in Redis in one step each; see `jobs.limits`."""

ALLOWANCE_SECONDS = 7200
"""How long it is known that a forge has limits, and what they were; the longest that forges count over is an hour."""

NOTE = f"""
local limit, remaining, reset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'remaining', 'reset')
if known[1] and known[2] then
  local ahead = reset - tonumber(known[2])
  if ahead < -1 then return end
  if ahead <= 1 then remaining, reset = math.min(remaining, tonumber(known[1])), tonumber(known[2]) end
end
redis.call('HSET', KEYS[1], 'limit', limit, 'remaining', remaining, 'reset', reset)
redis.call('EXPIRE', KEYS[1], {ALLOWANCE_SECONDS})
"""
"""KEYS allowance; ARGV limit, remaining, reset. Answers overtake each other, and others are under way: within a time the least counts."""

TURN = """
local turn = math.max(tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[1]) or 0) + tonumber(ARGV[2]))
redis.call('SET', KEYS[1], string.format('%.3f', turn), 'EXAT', math.ceil(turn) + 1)
return string.format('%.3f', turn)
"""
"""KEYS turns; ARGV the earliest, seconds between two. Gone when the last turn has come."""
