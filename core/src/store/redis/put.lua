-- Keeps an authorization transaction. KEYS: the transaction. ARGV: document, expiry, milliseconds until then.

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'document', ARGV[1], 'expires_at', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
