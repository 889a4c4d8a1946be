package filter

import (
	"log/slog"
	"slices"
	"strings"
	"sync"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/throttle"
	"wpre-relay/schema"
)

// maxViews bounds the Views that are kept for clients to share.
const maxViews = 10_000

// Views hands out views of the log: equal for clients that may see the same events. Use NewViews.
type Views struct {
	filter     *Filter // nil: all may see everything
	tombstones bool    // there may be records that hold no event
	logger     *slog.Logger
	noisy      throttle.Throttle

	mu    sync.Mutex
	known map[string]*View // guarded by mu
}

// NewViews returns the views through f, which may be nil: then everybody may see every event. tombstones says that the log
// may hold records without an event.
func NewViews(f *Filter, tombstones bool, logger *slog.Logger) *Views {
	return &Views{filter: f, tombstones: tombstones, logger: logger, known: make(map[string]*View)}
}

// Of returns what the viewer may see of the events of these types, all if there are none; nil if that is everything.
func (v *Views) Of(viewer Viewer, types []string) *View {
	if v.filter == nil && !v.tombstones && len(types) == 0 {
		return nil
	}
	key := strings.Join(types, ",")
	if v.filter != nil {
		key += " " + v.filter.Key(viewer)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if known := v.known[key]; known != nil {
		return known
	}
	if len(v.known) >= maxViews {
		clear(v.known) // those there are stay good
	}
	fresh := &View{all: v, viewer: viewer, types: types}
	v.known[key] = fresh
	return fresh
}

// Public reports whether the public may see the event.
func (v *Views) Public(ev schema.Event) bool { return v.shows(ev, Viewer{}) }

// shows reports whether the viewer may see the event. Where the filter has no answer it may not.
func (v *Views) shows(ev schema.Event, to Viewer) bool {
	if v.filter == nil {
		return true
	}
	shows, err := v.filter.Shows(ev, to)
	if err != nil {
		if n, due := v.noisy.Count(); due {
			v.logger.Warn("the filter has no answer for an event, which is not shown", "error", err, "times", n)
		}
	}
	return shows
}

// View decides which events a client may see. It is comparable: clients with equal views are sent the same.
type View struct {
	all    *Views
	viewer Viewer
	types  []string
}

// Sees reports whether the client may see the record's event.
func (v *View) Sees(rec *eventlog.Record) bool {
	return !rec.IsTombstone() && (len(v.types) == 0 || slices.Contains(v.types, rec.Event.Type)) && v.all.shows(rec.Event, v.viewer)
}
