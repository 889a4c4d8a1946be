package sharedlog

// recent counts the newest of the names that it was given, up to a number of them.
type recent struct {
	order []string // a ring; the next one replaces order[next]
	next  int
	count map[string]int
}

func newRecent(size int) *recent {
	return &recent{order: make([]string, size), count: make(map[string]int)}
}

// add adds a name, and returns how often it is there now.
func (r *recent) add(name string) int {
	if oldest := r.order[r.next]; oldest != "" {
		if r.count[oldest]--; r.count[oldest] == 0 {
			delete(r.count, oldest)
		}
	}
	r.order[r.next] = name
	r.next = (r.next + 1) % len(r.order)
	r.count[name]++
	return r.count[name]
}

// has reports whether a name is there.
func (r *recent) has(name string) bool { return r.count[name] > 0 }
