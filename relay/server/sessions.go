package server

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"wpre-relay/relay/durable"
)

const (
	// sessionLifetime is how long a lost connection can be resumed.
	sessionLifetime = 2 * time.Minute

	// maxLostConnections limits the lost connections that are kept. Beyond it, the oldest is dropped.
	maxLostConnections = 100_000

	// pageRetry is the interval at which the plugin's page tries to reconnect, counted from the lost connection.
	pageRetry = 5 * time.Second

	// maxPageDelay is how late the page usually is at most: browsers run the timers of background pages once per
	// second.
	maxPageDelay = 1500 * time.Millisecond
)

// sessions holds the lost connections of each browser, so that its next connections resume where the lost ones ended.
// Each new connection takes one of them, so that every tab of the browser resumes once.
type sessions struct {
	fs   durable.FS
	file string

	mu        sync.Mutex
	byAge     *list.List                 // of lostConnection, the oldest first; guarded by mu
	byBrowser map[string][]*list.Element // elements of byAge, the oldest first; guarded by mu
}

// lostConnection is a connection that ended without the client closing it.
type lostConnection struct {
	browser       string // value of the session cookie
	lastDelivered uint64 // sequence number
	at            time.Time
}

func newSessions(fsys durable.FS, file string) *sessions {
	return &sessions{fs: fsys, file: file, byAge: list.New(), byBrowser: make(map[string][]*list.Element)}
}

// add adds a lost connection and drops those that are too old or too many.
func (s *sessions) add(lost lostConnection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(lost)
	s.expire(time.Now())
}

// insert adds a lost connection in the order of age. It is fast for the newest, which is the usual case. The caller
// holds s.mu.
func (s *sessions) insert(lost lostConnection) {
	older := s.byAge.Back()
	for older != nil && older.Value.(lostConnection).at.After(lost.at) {
		older = older.Prev()
	}
	var element *list.Element
	if older == nil {
		element = s.byAge.PushFront(lost)
	} else {
		element = s.byAge.InsertAfter(lost, older)
	}
	elements := s.byBrowser[lost.browser]
	i := len(elements)
	for i > 0 && elements[i-1].Value.(lostConnection).at.After(lost.at) {
		i--
	}
	s.byBrowser[lost.browser] = slices.Insert(elements, i, element)
}

// expire drops the lost connections that are too old or too many. The caller holds s.mu.
func (s *sessions) expire(now time.Time) {
	for oldest := s.byAge.Front(); oldest != nil; oldest = s.byAge.Front() {
		lost := oldest.Value.(lostConnection)
		if now.Sub(lost.at) <= sessionLifetime && s.byAge.Len() <= maxLostConnections {
			return
		}
		s.remove(lost.browser, 0)
	}
}

// remove removes and returns the browser's lost connection with index i. The caller holds s.mu.
func (s *sessions) remove(browser string, i int) lostConnection {
	elements := s.byBrowser[browser]
	lost := s.byAge.Remove(elements[i]).(lostConnection)
	switch {
	case len(elements) == 1:
		delete(s.byBrowser, browser)
	case i == 0:
		s.byBrowser[browser] = elements[1:] // does not move the others
	default:
		s.byBrowser[browser] = slices.Delete(elements, i, i+1)
	}
	return lost
}

// take removes and returns the lost connection that a new connection of the browser most likely replaces. ok is false
// if there is none.
func (s *sessions) take(browser string) (lost lostConnection, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.expire(now)
	elements := s.byBrowser[browser]
	if len(elements) == 0 {
		return lostConnection{}, false
	}
	i := slices.IndexFunc(elements, func(e *list.Element) bool { return isDue(now.Sub(e.Value.(lostConnection).at)) })
	return s.remove(browser, max(0, i)), true
}

// isDue reports whether the plugin's page, whose connection was lost a time age ago, is expected to reconnect now. It
// tries every 5 seconds, and is up to 1.5 seconds late. If no lost connection of a browser is due, the oldest is
// taken.
//
// This is a heuristic, and matters only for a browser with several tabs that lost their connections at different
// positions. It is wrong if a page is later than usual or was reloaded, and if two tabs lost their connections a
// multiple of 5 seconds apart. Then the tabs get each other's position: one gets the events between the two positions
// twice, the other not at all.
func isDue(age time.Duration) bool { return age >= pageRetry && age%pageRetry < maxPageDelay }
