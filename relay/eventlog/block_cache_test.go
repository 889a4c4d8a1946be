package eventlog

import "testing"

// TestBlockCacheIsBoundedInBytes adds blocks of all sizes, up to one of an event of the maximum size.
func TestBlockCacheIsBoundedInBytes(t *testing.T) {
	var cache blockCache
	end := int64(0)
	for size := int64(1 << 10); size <= 8<<20; size += size / 3 {
		b := block{from: end, to: end + size}
		end = b.to
		cache.add(b, nil)
		cache.add(b, nil) // another reader was slower
		sum := int64(0)
		for cached := range cache.records {
			sum += cached.size()
		}
		if sum != cache.bytes || len(cache.order) != len(cache.records) || sum > max(maxCachedBytes, size) {
			t.Fatalf("after a block of %d bytes: %d blocks in order, %d cached of %d bytes, counted %d", size,
				len(cache.order), len(cache.records), sum, cache.bytes)
		}
		if _, ok := cache.records[b]; !ok {
			t.Errorf("the newest block of %d bytes is not cached", size)
		}
	}
}
