-- Notes the schema where there is none yet; gives the one that stands. KEYS: the note. ARGV: version, min_reader.

if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'version', ARGV[1], 'min_reader', ARGV[2])
end
return redis.call('HMGET', KEYS[1], 'version', 'min_reader')
