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

// maxViews limits the views that are kept for new clients to share.
const maxViews = 10_000

// Views returns one View for all clients that see the same events. Use NewViews. It may be used by several
// goroutines.
type Views struct {
	filter     *Filter // nil: every client sees every event
	tombstones bool    // the log may have records without an event
	logger     *slog.Logger
	throttle   throttle.Throttle // for the log message about failed expressions

	mu    sync.Mutex
	byKey map[string]*View // guarded by mu
}

// NewViews returns the views of a filter. If f is nil, every client sees every event. tombstones says that the log
// may have records without an event.
func NewViews(f *Filter, tombstones bool, logger *slog.Logger) *Views {
	return &Views{filter: f, tombstones: tombstones, logger: logger, byKey: make(map[string]*View)}
}

// For returns the view of a viewer that asks for events of these types, or of all types if there are none. It returns
// nil if the viewer sees every record.
func (v *Views) For(viewer Viewer, types []string) *View {
	if v.filter == nil && !v.tombstones && len(types) == 0 {
		return nil
	}
	key := strings.Join(types, ",")
	if v.filter != nil {
		key += " " + v.filter.Key(viewer)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if view := v.byKey[key]; view != nil {
		return view
	}
	if len(v.byKey) >= maxViews {
		clear(v.byKey) // connected clients keep their views
	}
	view := &View{views: v, viewer: viewer, types: types}
	v.byKey[key] = view
	return view
}

// Public reports whether the public may see the event.
func (v *Views) Public(ev schema.Event) bool { return v.shows(ev, Viewer{}) }

// shows reports whether the viewer may see the event. If the expression fails, the viewer may not.
func (v *Views) shows(ev schema.Event, viewer Viewer) bool {
	if v.filter == nil {
		return true
	}
	shows, err := v.filter.Shows(ev, viewer)
	if err != nil {
		if n, due := v.throttle.Count(); due {
			v.logger.Warn("filter failed, hiding the event", "error", err, "times", n)
		}
	}
	return shows
}

// View decides which events a client sees. Clients with the same View see the same events.
type View struct {
	views  *Views
	viewer Viewer
	types  []string
}

// Sees reports whether the client sees the record's event.
func (v *View) Sees(rec *eventlog.Record) bool {
	if rec.IsTombstone() || len(v.types) > 0 && !slices.Contains(v.types, rec.Event.Type) {
		return false
	}
	return v.views.shows(rec.Event, v.viewer)
}
