-- Keeps the result of a transaction until it expires. KEYS: the transaction. ARGV: result.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'result', ARGV[1])
return 1
