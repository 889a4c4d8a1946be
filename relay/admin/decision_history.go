package admin

import (
	"encoding/json"
	"sync"
	"time"

	"wpre-relay/relay"
)

const (
	// maxChanges is the number of changes in the decision history.
	maxChanges = 1000

	// maxDocument bounds the documents in the history, in bytes. With maxChanges, they use at most 4 MiB.
	maxDocument = 4096

	// maxTitle bounds the titles that operators see, in runes.
	maxTitle = 120
)

// Entry is a change of the event file as operators see it. PostID, Status and Title are empty if the document is
// longer than maxDocument.
type Entry struct {
	Number   uint64         `json:"number"` // 1 for the first change since the start
	Time     time.Time      `json:"time"`
	Decision relay.Decision `json:"decision"`
	Writes   uint64         `json:"writes"`
	Bytes    int            `json:"bytes"`
	Reason   string         `json:"reason"` // why it is invalid, otherwise ""
	Type     string         `json:"type"`
	PostID   any            `json:"post_id"` // as the plugin writes it; null if the event has none
	Status   any            `json:"status"`
	Title    string         `json:"title"`
	Document bool           `json:"document"` // /api/decisions/NUMBER returns the document
}

// change is an element of the decision history. The first status page that shows it decodes its document, which takes
// about 10 µs: deliveries need not wait for that, and further pages need not repeat it.
type change struct {
	relay.Change
	decode sync.Once
	entry  Entry // without Number; set by decode
}

// newChange returns a change without its document if that is longer than maxDocument.
func newChange(c relay.Change) *change {
	if len(c.Event.Document) > maxDocument {
		c.Event.Document = nil
	}
	return &change{Change: c}
}

// entries returns the entries of consecutive changes, of which the last one has this number.
func entries(changes []*change, last uint64) []Entry {
	all := make([]Entry, len(changes))
	for i, c := range changes {
		c.decode.Do(func() { c.entry = newEntry(c.Change) })
		all[i] = c.entry
		all[i].Number = last - uint64(len(changes)-1-i)
	}
	return all
}

// newEntry returns the entry of a change, without its number.
func newEntry(change relay.Change) Entry {
	e := Entry{
		Time:     change.Time,
		Decision: change.Decision,
		Writes:   change.Writes,
		Bytes:    change.Bytes,
		Reason:   change.Reason,
		Type:     change.Event.Type,
		Document: change.Event.Document != nil,
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
