package admin

import (
	"encoding/json"
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

// remembered returns what is kept of a change: no long documents, as these would add up.
func remembered(change relay.Change) relay.Change {
	if len(change.Event.Document) > maxDocument {
		change.Event.Document = nil
	}
	return change
}

// entries returns the changes, of which the last has this number.
func entries(changes []relay.Change, last uint64) []Entry {
	all := make([]Entry, len(changes))
	for i, change := range changes {
		all[i] = entry(last-uint64(len(changes)-1-i), change)
	}
	return all
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
