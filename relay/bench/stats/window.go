package stats

// Window is what one client has got: which of the last 64 events up to the newest. It is what IPsec keeps to refuse
// replayed packets (RFC 4303 §3.4.3).
type Window struct {
	seen   uint64 // bit k: event newest-k has come
	newest uint32 // 0: none has come
}

// arrival is what the coming of an event means to one client.
type order uint8

const (
	inOrder    order = iota
	outOfOrder       // after a newer one
	duplicate        // it had come before, or is so old that nobody knows
)

// mark notes that event n has come.
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

// has reports whether event n has come.
func (w *Window) has(n uint32) bool {
	return n <= w.newest && w.seen>>(w.newest-n)&1 != 0
}
