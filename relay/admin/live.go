package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"wpre-relay/relay"
)

const (
	// reportEvery is how often a page that watches is told how the relay stands.
	reportEvery = time.Second

	// changesEvery is how often at most it is told of changes: more than that nobody can read.
	changesEvery = 50 * time.Millisecond

	// patience is how long it may take nothing.
	patience = 10 * time.Second
)

// live is the event stream (HTML standard §9.2) for the page: events of type "report", and "changes" with what is new.
type live struct {
	health  Health
	monitor *Monitor
}

func (l live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	controller := http.NewResponseController(w)
	send := func(kind string, v any) bool {
		data, err := json.Marshal(v)
		if err == nil {
			err = controller.SetWriteDeadline(time.Now().Add(patience))
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, data)
		}
		return err == nil && controller.Flush() == nil
	}
	reports := time.NewTicker(reportEvery)
	defer reports.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var told uint64
	var more <-chan struct{}
	for ok := l.report(send); ok; {
		select {
		case <-reports.C:
			ok = l.report(send)
		case <-more:
			more = nil
			pause.Reset(changesEvery)
		case <-pause.C:
			var changes []relay.Change
			if changes, told, more = l.monitor.changes.after(told); len(changes) > 0 {
				ok = send("changes", entries(changes, told))
			}
		case <-r.Context().Done():
			return
		case <-l.health.Stopping:
			l.report(send)
			return
		}
	}
}

func (l live) report(send func(string, any) bool) bool {
	return send("report", l.monitor.report(l.health))
}
