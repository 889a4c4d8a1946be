-- Appends an entry with the next number to the stream, unless the stream has an entry with the same ID.
-- KEYS: the stream, the sorted set of its IDs, its epoch. ARGV: the ID, the line, the number of entries to keep.
if redis.call('EXISTS', KEYS[1], KEYS[3]) < 2 then
	return redis.error_reply('GONE the stream does not exist')
end
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
	return 0
end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local number = 0
for i = 1, #info, 2 do
	if info[i] == 'last-generated-id' then number = tonumber(string.match(info[i + 1], '^%d+')) + 1 end
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', number), 'id', ARGV[1], 'line', ARGV[2])
redis.call('ZADD', KEYS[2], number, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[3]))
return 1
