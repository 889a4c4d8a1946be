package eventlog

import "sync"

const (
	// blockSize is the approximate number of bytes that are read from a segment at once.
	blockSize = 64 << 10

	// maxBlocks bounds the number of cached blocks. Together they hold about 2 MiB of lines.
	maxBlocks = 32
)

// blockCache holds the blocks of the journal that were read last. Clients that resume at the same time read the
// same blocks.
type blockCache struct {
	mu      sync.Mutex
	records map[block][]*Record // guarded by mu
	order   []block             // the keys of records in the order of insertion; guarded by mu
}

// block is a range of bytes in a segment that holds a few whole lines.
type block struct {
	segment  *segment
	from, to int64
}

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

// add caches the records of b and evicts the oldest block if the cache is full.
func (c *blockCache) add(b block, recs []*Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records == nil {
		c.records = make(map[block][]*Record)
	}
	if _, ok := c.records[b]; ok {
		return // another reader was faster
	}
	if len(c.order) == maxBlocks {
		delete(c.records, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.records[b] = recs
	c.order = append(c.order, b)
}
