-- Appends an entry with the next number to the stream, unless the stream has an entry with the same ID.
-- KEYS: the stream, the sorted set of its IDs, its epoch. ARGV: the ID, the line, the number of entries to keep, the
-- number of the newest entry that the relay knows. If the stream ends before that one, nothing may be appended: the
-- relays must notice that entries were lost, before others take their numbers.
if redis.call('EXISTS', KEYS[1], KEYS[3]) < 2 then
	return redis.error_reply('GONE key ' .. KEYS[1] .. ' or ' .. KEYS[3] .. ' does not exist')
end
local set = redis.call('TYPE', KEYS[2]).ok
if set ~= 'zset' and set ~= 'none' then
	return redis.error_reply('WRONGTYPE key ' .. KEYS[2] .. ' is a ' .. set .. ' instead of a zset; delete it')
end
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
	return 0
end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local number = 0
for i = 1, #info, 2 do
	if info[i] == 'last-generated-id' then number = tonumber(string.match(info[i + 1], '^%d+')) + 1 end
end
if number <= tonumber(ARGV[4]) then
	return redis.error_reply('GONE key ' .. KEYS[1] .. ' has lost its newest entries')
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', number), 'id', ARGV[1], 'line', ARGV[2])
redis.call('ZADD', KEYS[2], number, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[3]))
return 1
