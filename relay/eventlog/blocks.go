package eventlog

import "sync"

const (
	// blockSize is about how much of a file is read at once, in bytes.
	blockSize = 64 << 10

	// maxBlocks bounds how many blocks are kept.
	maxBlocks = 32
)

// blocks are the parts of the journal that were read last. Clients that resume at the same time read the same ones.
type blocks struct {
	mu    sync.Mutex
	kept  map[block][]*Record // guarded by mu
	order []block             // those in kept, the oldest first; guarded by mu
}

// block is a few whole lines of a file.
type block struct {
	in       *segment
	from, to int64
}

// read returns the records in b, in order.
func (c *blocks) read(b block) ([]*Record, error) {
	c.mu.Lock()
	recs, ok := c.kept[b]
	c.mu.Unlock()
	if ok {
		return recs, nil
	}
	recs, err := b.in.read(b.from, b.to)
	if err == nil {
		c.keep(b, recs)
	}
	return recs, err
}

func (c *blocks) keep(b block, recs []*Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[block][]*Record)
	}
	if _, ok := c.kept[b]; ok {
		return // another was faster
	}
	if len(c.order) == maxBlocks {
		delete(c.kept, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.kept[b] = recs
	c.order = append(c.order, b)
}
