-- Creates the stream if it does not exist. It writes nothing to a stream that exists, so that relays can join a
-- read-only server. It returns the epoch, the ID of the newest entry that was ever added, and the ID of the oldest
-- entry or ''. KEYS: the stream, the sorted set of its IDs, its epoch. ARGV: the epoch of a new stream.
for i, want in ipairs({ 'stream', 'zset', 'string' }) do
	local is = redis.call('TYPE', KEYS[i]).ok
	if is ~= want and is ~= 'none' then
		return redis.error_reply('WRONGTYPE key ' .. KEYS[i] .. ' is a ' .. is .. ' instead of a ' .. want .. '; delete it')
	end
end
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('DEL', KEYS[2])
	redis.call('SET', KEYS[3], ARGV[1])
	redis.call('XGROUP', 'CREATE', KEYS[1], 'relays', '0', 'MKSTREAM')
	redis.call('XGROUP', 'DESTROY', KEYS[1], 'relays')
elseif not string.match(redis.call('GET', KEYS[3]) or '', '^[a-z0-9]+$') then
	redis.call('SET', KEYS[3], ARGV[1])
end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local last = ''
for i = 1, #info, 2 do
	if info[i] == 'last-generated-id' then last = info[i + 1] end
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return { redis.call('GET', KEYS[3]), last, first[1] and first[1][1] or '' }
