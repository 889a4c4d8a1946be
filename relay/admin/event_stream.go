package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/security/clientaddr"
)

const (
	// reportInterval is the time between two reports to a status page.
	reportInterval = time.Second

	// changesInterval is the least time between two "changes" events. Faster updates are not readable.
	changesInterval = 50 * time.Millisecond

	// maxEntries is the number of entries in one "changes" event, so that a page that does not read holds about 30 KiB.
	maxEntries = 100

	// maxStreams limits the status pages that are connected. At most half of them are at one address.
	maxStreams = 64

	// tooManyStreams is sent to further ones. It has status 200, because an EventSource never reconnects after another
	// one.
	tooManyStreams = "retry: 5000\nevent: rejected\ndata: {\"reason\":\"too many status pages\"}\n\n"

	// writeTimeout bounds the time to write one event to a page that does not read.
	writeTimeout = 10 * time.Second
)

// eventStream serves the event stream (HTML standard §9.2) of the status page. It sends the state of the relay as
// events of type "report", and new entries of the decision history as events of type "changes".
type eventStream struct {
	health  Health
	monitor *Monitor
	streams *budget.Budget // of maxStreams
	shared  *sharedReport
}

func (s eventStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	address, _ := clientaddr.ParseAddr(r.RemoteAddr)
	network := clientaddr.NetworkOf(address)
	if !s.streams.Acquire(network, 1) {
		io.WriteString(w, tooManyStreams)
		return
	}
	defer s.streams.Release(network, 1)
	send := newSender(w)
	reports := time.NewTicker(reportInterval)
	defer reports.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var sent uint64 // number of the newest change that the page has
	var added <-chan struct{}
	for ok := s.report(send); ok; {
		select {
		case <-reports.C:
			ok = s.report(send)
		case <-added:
			added = nil
			pause.Reset(changesInterval)
		case <-pause.C:
			var changes []*change
			changes, sent, added = s.monitor.changes.after(sent)
			ok = sendChanges(send, changes, sent)
		case <-r.Context().Done():
			return
		case <-s.health.Stopping:
			send("report", s.monitor.report(s.health))
			return
		}
	}
}

func (s eventStream) report(send func(string, any) bool) bool {
	return send("report", s.shared.get(func() Report { return s.monitor.report(s.health) }))
}

// sharedReport is the newest report of all pages, so that 64 pages cost about as much as two.
type sharedReport struct {
	mu   sync.Mutex
	at   time.Time       // guarded by mu
	data json.RawMessage // guarded by mu
}

// get returns the newest report as JSON, or a new one if that is older than half of reportInterval.
func (s *sharedReport) get(report func() Report) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < reportInterval/2 {
		return s.data
	}
	s.data, _ = json.Marshal(report()) // a Report can always be encoded
	s.at = time.Now()
	return s.data
}

// sendChanges sends consecutive changes, of which the last one has this number. It returns false if the page cannot be
// reached.
func sendChanges(send func(string, any) bool, changes []*change, last uint64) bool {
	number := last - uint64(len(changes))
	for chunk := range slices.Chunk(changes, maxEntries) {
		number += uint64(len(chunk))
		if !send("changes", entries(chunk, number)) {
			return false
		}
	}
	return true
}

// newSender returns a function that writes v as the data of an event of type name. It returns false if the page
// cannot be reached.
func newSender(w http.ResponseWriter) func(name string, v any) bool {
	controller := http.NewResponseController(w)
	return func(name string, v any) bool {
		data, err := json.Marshal(v)
		if err == nil {
			err = controller.SetWriteDeadline(time.Now().Add(writeTimeout))
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, data)
		}
		return err == nil && controller.Flush() == nil
	}
}
