-- Replaces a grant if it still is as it was read, together with the indexes that pages are read from; says whether it did.
--
-- KEYS: the grant; then the indexes.
-- ARGV: the grant's name; the channel to tell it on, or ''; revision ('': there is no grant), fencing, lease and intent as
--       they were read; the score in each index, or ''; then names and values of fields. Without fields the grant is removed.

if ARGV[3] == '' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
else
  local stands = redis.call('HMGET', KEYS[1], 'revision', 'fencing', 'lease', 'intent')
  for n = 1, 4 do
    if stands[n] ~= ARGV[2 + n] then return 0 end
  end
end

local first = 6 + #KEYS
if #ARGV < first then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], unpack(ARGV, first))
end

for n = 2, #KEYS do
  local score = ARGV[5 + n]
  if score == '' then
    redis.call('ZREM', KEYS[n], ARGV[1])
  else
    redis.call('ZADD', KEYS[n], score, ARGV[1])
  end
end

-- A user who may not publish has written all the same.
if ARGV[2] ~= '' then redis.pcall('PUBLISH', ARGV[2], ARGV[1]) end
return 1
