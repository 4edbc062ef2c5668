-- Gives an authorization transaction to one caller.
--
-- KEYS: the transaction. ARGV: now.
-- Gives the document ('taken', document), what became of it ('used', result if there is one), or nothing.

local stands = redis.call('HMGET', KEYS[1], 'document', 'result', 'expires_at')
if not stands[3] or tonumber(stands[3]) <= tonumber(ARGV[1]) then return {} end
if not stands[1] then return {'used', stands[2] or nil} end
redis.call('HDEL', KEYS[1], 'document')
return {'taken', stands[1]}
