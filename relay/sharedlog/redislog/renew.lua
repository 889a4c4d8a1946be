-- Gives the stream a new epoch, unless it has one already.
-- KEYS: its epoch. ARGV: the epoch that it had, a new one.
if redis.call('GET', KEYS[1]) == ARGV[1] then
	redis.call('SET', KEYS[1], ARGV[2])
end
return redis.status_reply('OK')
