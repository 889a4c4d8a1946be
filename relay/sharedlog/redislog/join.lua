-- Makes the stream if there is none; to one that is there it writes nothing, so that it can be joined where nothing can be
-- written. Returns its epoch and the IDs of its newest entry, ever, and of its oldest.
-- KEYS: the stream, the IDs in it, its epoch. ARGV: an epoch for a new one.
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('DEL', KEYS[2])
	redis.call('SET', KEYS[3], ARGV[1])
	redis.call('XGROUP', 'CREATE', KEYS[1], 'relays', '0', 'MKSTREAM')
	redis.call('XGROUP', 'DESTROY', KEYS[1], 'relays')
elseif redis.call('EXISTS', KEYS[3]) == 0 then
	redis.call('SET', KEYS[3], ARGV[1])
end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local last = ''
for i = 1, #info, 2 do
	if info[i] == 'last-generated-id' then last = info[i + 1] end
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return { redis.call('GET', KEYS[3]), last, first[1] and first[1][1] or '' }
