package admin

import "sync"

// ring holds the newest elements of a sequence that is numbered from 1. Use newRing. Its methods may be called
// concurrently.
type ring[T any] struct {
	mu       sync.Mutex
	elements []T           // number n is at (n-1) % len(elements); guarded by mu
	count    uint64        // number of the newest element; guarded by mu
	added    chan struct{} // closed by the next add; guarded by mu
}

// newRing returns an empty ring that holds up to size elements.
func newRing[T any](size int) *ring[T] {
	return &ring[T]{elements: make([]T, size), added: make(chan struct{})}
}

func (r *ring[T]) add(element T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.elements[r.count%uint64(len(r.elements))] = element
	r.count++
	close(r.added)
	r.added = make(chan struct{})
}

// after returns the elements after this number that the ring still holds, oldest first, and the number of the
// newest one. The next add closes the channel added.
func (r *ring[T]) after(number uint64) (elements []T, newest uint64, added <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := uint64(len(r.elements))
	elements = []T{}
	for n := max(number, r.count-min(r.count, size)); n < r.count; n++ {
		elements = append(elements, r.elements[n%size])
	}
	return elements, r.count, r.added
}

// get returns the element with this number, if the ring still holds it.
func (r *ring[T]) get(number uint64) (element T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := uint64(len(r.elements))
	if number < 1 || number > r.count || r.count-number >= size {
		return element, false
	}
	return r.elements[(number-1)%size], true
}

// newest returns the newest element, if there is one.
func (r *ring[T]) newest() (element T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 {
		return element, false
	}
	return r.elements[(r.count-1)%uint64(len(r.elements))], true
}

// all returns all elements, oldest first.
func (r *ring[T]) all() []T {
	elements, _, _ := r.after(0)
	return elements
}
