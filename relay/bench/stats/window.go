package stats

// Window records which of the last 64 events one client has received. It is the anti-replay window of IPsec (RFC 4303
// §3.4.3). The zero value has received none.
type Window struct {
	seen   uint64 // bit k is set if event newest-k was received
	newest uint32 // 0 if no event was received
}

// order is the order of one delivery relative to the earlier ones of the same client.
type order uint8

const (
	inOrder    order = iota
	outOfOrder       // after a newer event
	duplicate        // received before, or too old to tell
)

// add records that event n was received.
func (w *Window) add(n uint32) order {
	if n > w.newest {
		w.seen = w.seen<<(n-w.newest) | 1
		w.newest = n
		return inOrder
	}
	bit := uint64(1) << (w.newest - n) // 0 from 64 on
	if bit == 0 || w.seen&bit != 0 {
		return duplicate
	}
	w.seen |= bit
	return outOfOrder
}

// has reports whether event n was received.
func (w *Window) has(n uint32) bool {
	return n <= w.newest && w.seen>>(w.newest-n)&1 != 0
}
