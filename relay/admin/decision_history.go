package admin

import (
	"encoding/json"
	"time"

	"wpre-relay/relay"
)

const (
	// maxChanges is the number of changes in the decision history.
	maxChanges = 200

	// maxDocument bounds the documents in the history, in bytes. With maxChanges, they use at most 800 KiB.
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
}

// withoutLongDocument returns the change without its document if that is longer than maxDocument.
func withoutLongDocument(change relay.Change) relay.Change {
	if len(change.Event.Document) > maxDocument {
		change.Event.Document = nil
	}
	return change
}

// newEntries returns the entries of consecutive changes, of which the last one has this number.
func newEntries(changes []relay.Change, last uint64) []Entry {
	entries := make([]Entry, len(changes))
	for i, change := range changes {
		entries[i] = newEntry(last-uint64(len(changes)-1-i), change)
	}
	return entries
}

func newEntry(number uint64, change relay.Change) Entry {
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
