package eventlog

import "sync"

const (
	// blockSize is the approximate number of bytes that are read from a segment at once.
	blockSize = 64 << 10

	// maxCachedBytes bounds the bytes of lines in all cached blocks, except that the newest block is always cached. A
	// block has 64 KiB, or more if it ends with a large event.
	maxCachedBytes = 2 << 20
)

// blockCache holds the blocks of the journal that were read last. Clients that resume at the same time read the
// same blocks.
type blockCache struct {
	mu      sync.Mutex
	records map[block][]*Record // guarded by mu
	order   []block             // the keys of records in the order of insertion; guarded by mu
	bytes   int64               // of the lines in all blocks; guarded by mu
}

// block is a range of bytes in a segment that holds a few whole lines.
type block struct {
	segment  *segment
	from, to int64
}

// size returns the number of bytes of the block's lines.
func (b block) size() int64 { return b.to - b.from }

// read returns the records in b, in order.
func (c *blockCache) read(b block) ([]*Record, error) {
	c.mu.Lock()
	recs, ok := c.records[b]
	c.mu.Unlock()
	if ok {
		return recs, nil
	}
	recs, err := b.segment.read(b.from, b.to)
	if err == nil {
		c.add(b, recs)
	}
	return recs, err
}

// add caches the records of b and evicts the oldest blocks beyond maxCachedBytes.
func (c *blockCache) add(b block, recs []*Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records == nil {
		c.records = make(map[block][]*Record)
	}
	if _, ok := c.records[b]; ok {
		return // another reader was faster
	}
	c.records[b] = recs
	c.order = append(c.order, b)
	c.bytes += b.size()
	for c.bytes > maxCachedBytes && len(c.order) > 1 {
		c.bytes -= c.order[0].size()
		delete(c.records, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
}
