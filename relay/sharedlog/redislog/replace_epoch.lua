-- Gives the stream a new epoch, unless another relay has already replaced the old one.
-- KEYS: the epoch. ARGV: the old epoch, the new epoch.
if redis.call('GET', KEYS[1]) == ARGV[1] then
	redis.call('SET', KEYS[1], ARGV[2])
end
return redis.status_reply('OK')
