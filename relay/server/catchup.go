package server

import (
	"hash/maphash"
	"net"
	"net/http"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// found is what was in the file at the start and had not been sent. Pages that lost their connection to the relay
// before this one come back without a position; for a while each gets it first.
type found struct {
	after schema.Position // what comes after it is found, or has come since
	recs  []*eventlog.Record
	till  time.Time
	seed  maphash.Seed

	mu   sync.Mutex
	gone map[uint64]bool // visitors that have got it and whose connection has ended since; guarded by mu
}

// newFound returns the records after number seq, for as long as catchUp.
func newFound(log *eventlog.Reader, seq uint64, catchUp time.Duration) *found {
	const all = 1 << 30
	recs, _, _, _ := log.ReadMemory(nil, seq, all) // gone are only those that nobody can get any more
	after := schema.Position{Epoch: log.Epoch(), Seq: seq}
	return &found{after: after, recs: recs, till: time.Now().Add(catchUp), seed: maphash.MakeSeed(), gone: make(map[uint64]bool)}
}

// soon reports whether it is soon after the start.
func (f *found) soon() bool { return time.Now().Before(f.till) }

// take returns what the client gets of it. One that got it and is back already gets nothing: it cannot be told from
// another tab of its browser, or another visitor with all the same headers, who then misses it.
func (f *found) take(r *http.Request, entry *fanout.ClientConfig) []*eventlog.Record {
	if len(f.recs) == 0 || !f.soon() {
		return nil
	}
	visitor := f.visitor(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone[visitor] {
		return nil
	}
	leave := entry.OnDisconnect
	entry.OnDisconnect = func(end fanout.Disconnect) {
		if f.soon() {
			f.mu.Lock()
			f.gone[visitor] = true
			f.mu.Unlock()
		}
		leave(end)
	}
	return f.recs
}

// visitor returns what tells visitors apart.
func (f *found) visitor(r *http.Request) uint64 {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	var hash maphash.Hash
	hash.SetSeed(f.seed)
	hash.WriteString(host)
	for _, name := range []string{"X-Forwarded-For", "User-Agent", "Accept-Language", "Origin", "Cookie"} {
		hash.WriteByte(0)
		hash.WriteString(r.Header.Get(name))
	}
	return hash.Sum64()
}
