"""The steps that change a job, in Lua: each is atomic, and none overwrites what another wrote. Only `store.jobs` and `intake` run them.

A job is a hash; who does what of it is in its field `work`, see `store.parts`.
"""

from jobs.keys import DELIVERY_SECONDS, INDEX_LENGTH
from jobs.queue import WAKE_SCRIPT
from jobs.records import FINAL_STATES

IS_OPEN = f"""
local function is_open(job)
  local state = redis.call('HGET', job, 'state')
  if not state then return false end
  for _, final in ipairs({{{", ".join(repr(str(state)) for state in sorted(FINAL_STATES))}}}) do
    if state == final then return false end
  end
  return true
end
"""

_INDEX = f"""
local touched = {{}}
local function index(key, score, id, seconds)
  redis.call('ZADD', key, score, id)
  touched[key] = seconds
end
local function settle()
  for key, seconds in pairs(touched) do
    redis.call('ZREMRANGEBYRANK', key, 0, -{INDEX_LENGTH + 1})
    if seconds ~= 0 then redis.call('EXPIRE', key, seconds) end
  end
end
"""
"""Indexes are trimmed once a step, however many jobs it brings."""

CREATE = (
    WAKE_SCRIPT
    + _INDEX
    + """
local function create(a, i, retention)
  local delivery, id, record, score, state, is_final, work, n = a[i], a[i+1], a[i+2], a[i+3], a[i+4], a[i+5], a[i+6], tonumber(a[i+7])
  local job = KEYS[1] .. id
  if delivery ~= '' then
    local known = redis.call('GET', delivery)
    if known then return {known, 0} end
    redis.call('SET', delivery, id, 'EX', DELIVERY_SECONDS)
  end
  redis.call('HSET', job, 'record', record, 'state', state)
  if work ~= '' then redis.call('HSET', job, 'work', work) end
  index(KEYS[2], score, id, 0)
  for k = 1, n do index(a[i+7+k], score, id, retention) end
  if is_final == '1' then redis.call('EXPIRE', job, retention) else redis.call('ZADD', KEYS[3], score, id) end
  if a[i+8+n] ~= '' then wake(a, i + 8 + n) end
  redis.call('PUBLISH', KEYS[4], '{"type":"job","id":"' .. id .. '","state":"' .. state .. '","detail":""}')
  return {id, 1}
end
local answers, i = {}, 2
while i <= #ARGV do
  table.insert(answers, create(ARGV, i + 1, ARGV[1]))
  i = i + 1 + ARGV[i]
end
settle()
return answers
""".replace("DELIVERY_SECONDS", str(DELIVERY_SECONDS))
)
"""Create jobs, each unless its delivery is known; answers their ids, and whether they are new. KEYS: the prefix of jobs, the index of
all, the active ones, the channel. ARGV: the retention, then every job after the number of its arguments."""

TRANSITION = (
    IS_OPEN
    + """
if not is_open(KEYS[1]) then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'message', ARGV[2], 'updated', ARGV[3], unpack(ARGV, 7))
if ARGV[4] ~= '0' then
  redis.call('HSET', KEYS[1], 'finished', ARGV[3])
  redis.call('HDEL', KEYS[1], 'work')
  redis.call('ZREM', KEYS[2], ARGV[5])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
redis.call('PUBLISH', KEYS[3], ARGV[6])
return 1
"""
)

WRITE = """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
local written = 0
for i = 3, #ARGV, 2 do written = written + redis.call(ARGV[2], KEYS[1], ARGV[i], ARGV[i + 1]) end
if ARGV[1] ~= '' and (ARGV[2] == 'HSET' or written > 0) then redis.call('PUBLISH', KEYS[2], ARGV[1]) end
return 1
"""
"""Write fields by HSET, or HSETNX for those that keep their first value; nothing to a job whose record is gone."""

LIST = (
    _INDEX
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
local score = redis.call('ZSCORE', KEYS[2], ARGV[1]) or ARGV[2]
for i = 3, #KEYS do index(KEYS[i], score, ARGV[1], ARGV[3]) end
settle()
return 1
"""
)
"""Write fields of a job, and list it in the indexes that they stand for. KEYS: the job, the index of all, those indexes. ARGV: its id,
the time, the retention, then fields and values."""
