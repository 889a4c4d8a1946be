package sharedlog

// recentIDs counts the occurrences of each ID among the last ones that were added. Its owner locks it.
type recentIDs struct {
	order []string // a ring buffer; the next ID replaces order[next]
	next  int
	count map[string]int
}

// newRecentIDs returns a recentIDs that remembers the last size IDs.
func newRecentIDs(size int) *recentIDs {
	return &recentIDs{order: make([]string, size), count: make(map[string]int)}
}

// add adds an ID, forgets the oldest one if needed, and returns how often the ID occurs now.
func (r *recentIDs) add(id string) int {
	if oldest := r.order[r.next]; oldest != "" {
		if r.count[oldest]--; r.count[oldest] == 0 {
			delete(r.count, oldest)
		}
	}
	r.order[r.next] = id
	r.next = (r.next + 1) % len(r.order)
	r.count[id]++
	return r.count[id]
}

// has reports whether an ID occurs.
func (r *recentIDs) has(id string) bool { return r.count[id] > 0 }
