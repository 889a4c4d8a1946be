package admin

import (
	"encoding/json"
	"sync"
	"time"

	"wpre-relay/relay"
)

const (
	// maxActivity is how many changes are remembered.
	maxActivity = 200

	// maxDocument bounds the documents that are kept to show their title, in bytes.
	maxDocument = 4096

	// maxTitle bounds the titles that are shown, in runes.
	maxTitle = 120
)

// Entry is a change of the file as operators see it.
type Entry struct {
	Number   uint64         `json:"number"` // they are numbered from 1
	Time     time.Time      `json:"time"`
	Decision relay.Decision `json:"decision"`
	Writes   uint64         `json:"writes"`
	Bytes    int            `json:"bytes"`
	Reason   string         `json:"reason"` // why it is invalid
	Type     string         `json:"type"`
	PostID   any            `json:"post_id"` // the plugin's number; null if there is none, or the event is long
	Status   any            `json:"status"`
	Title    string         `json:"title"`
}

// activity is the last changes of the file.
type activity struct {
	mu    sync.Mutex
	ring  [maxActivity]relay.Change // guarded by mu
	count uint64                    // all that ever were; guarded by mu
	more  chan struct{}             // closed when there are more; guarded by mu
}

func newActivity() activity { return activity{more: make(chan struct{})} }

// add remembers the change. It keeps no long documents: these would add up.
func (a *activity) add(change relay.Change) {
	if len(change.Event.Document) > maxDocument {
		change.Event.Document = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ring[a.count%maxActivity] = change
	a.count++
	close(a.more)
	a.more = make(chan struct{})
}

// after returns what is remembered of the changes after the one with this number, the oldest first, and what is closed when
// there are more.
func (a *activity) after(number uint64) (entries []Entry, more <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := max(number, a.count-min(a.count, maxActivity))
	for n := first; n < a.count; n++ {
		entries = append(entries, entry(n+1, a.ring[n%maxActivity]))
	}
	return entries, a.more
}

// entry reads of a change's document what the plugin writes into it.
func entry(number uint64, change relay.Change) Entry {
	e := Entry{
		Number:   number,
		Time:     change.Time,
		Decision: change.Decision,
		Writes:   change.Writes,
		Bytes:    change.Bytes,
		Reason:   change.Reason,
		Type:     change.Event.Type,
	}
	var post struct {
		PostID json.RawMessage `json:"post_id"`
		Title  any             `json:"post_title"`
		Status any             `json:"status"`
	}
	if json.Unmarshal(change.Event.Document, &post) != nil {
		return e
	}
	if len(post.PostID) > 0 {
		e.PostID = post.PostID
	}
	if status, ok := post.Status.(string); ok {
		e.Status = status
	}
	if title, ok := post.Title.(string); ok {
		e.Title = shorten(title)
	}
	return e
}

func shorten(title string) string {
	if runes := []rune(title); len(runes) > maxTitle {
		return string(runes[:maxTitle]) + "…"
	}
	return title
}
