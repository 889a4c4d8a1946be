package relay

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/throttle"
	"wpre-relay/schema"
)

const (
	// maxTypes and maxTypeLength bound what a client may ask for with ?types=.
	maxTypes      = 16
	maxTypeLength = 64

	// maxViews bounds those that are remembered for others to share.
	maxViews = 10_000
)

// views says what clients may see. Those that may see the same share one view, and so what they are sent.
type views struct {
	filter *filter.Filter // nil: all may see everything
	voids  bool           // there may be records that hold no event
	logger *slog.Logger
	noisy  throttle.Throttle

	mu    sync.Mutex
	known map[string]*view // guarded by mu
}

func newViews(f *filter.Filter, voids bool, logger *slog.Logger) *views {
	return &views{filter: f, voids: voids, logger: logger, known: make(map[string]*view)}
}

// of returns what the viewer may see of the events of these types, all if there are none; nil if that is everything.
func (v *views) of(viewer filter.Viewer, types []string) fanout.View {
	if v.filter == nil && !v.voids && len(types) == 0 {
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
	fresh := &view{all: v, viewer: viewer, types: types}
	v.known[key] = fresh
	return fresh
}

// public reports whether the public may see the event.
func (v *views) public(ev schema.Event) bool { return v.shows(ev, filter.Viewer{}) }

// shows reports whether the viewer may see the event. Where the filter has no answer it may not.
func (v *views) shows(ev schema.Event, to filter.Viewer) bool {
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

// view is what some clients may see.
type view struct {
	all    *views
	viewer filter.Viewer
	types  []string
}

// Sees implements fanout.View.
func (v *view) Sees(rec *eventlog.Record) bool {
	return !rec.IsVoid() && (len(v.types) == 0 || slices.Contains(v.types, rec.Event.Type)) && v.all.shows(rec.Event, v.viewer)
}

// typesAskedFor returns the types that the client wants, in order, none if it wants all.
func typesAskedFor(query url.Values) ([]string, error) {
	text := query.Get("types")
	if text == "" {
		return nil, nil
	}
	types := strings.Split(text, ",")
	for _, name := range types {
		if name == "" || len(name) > maxTypeLength {
			return nil, fmt.Errorf("types=%.80q is not a list of names of up to %d letters, divided by commas", text, maxTypeLength)
		}
	}
	slices.Sort(types)
	if types = slices.Compact(types); len(types) > maxTypes {
		return nil, fmt.Errorf("types= has more than %d names", maxTypes)
	}
	return types, nil
}
