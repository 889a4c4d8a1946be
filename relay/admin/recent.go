package admin

import "sync"

// recent is the newest of many things. Use newRecent; it may be used from several goroutines.
type recent[T any] struct {
	mu    sync.Mutex
	ring  []T           // number n, from 1, is at (n-1) % len(ring); guarded by mu
	count uint64        // all that ever were; guarded by mu
	more  chan struct{} // closed when there are more; guarded by mu
}

// newRecent returns one that keeps so many.
func newRecent[T any](most int) *recent[T] {
	return &recent[T]{ring: make([]T, most), more: make(chan struct{})}
}

func (r *recent[T]) add(thing T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.count%uint64(len(r.ring))] = thing
	r.count++
	close(r.more)
	r.more = make(chan struct{})
}

// after returns what is kept of those after this number, oldest first, the number of the last one, and what is closed when
// there are more.
func (r *recent[T]) after(number uint64) (things []T, last uint64, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := uint64(len(r.ring))
	things = []T{}
	for n := max(number, r.count-min(r.count, most)); n < r.count; n++ {
		things = append(things, r.ring[n%most])
	}
	return things, r.count, r.more
}

// all returns all that are kept, oldest first.
func (r *recent[T]) all() []T {
	things, _, _ := r.after(0)
	return things
}
