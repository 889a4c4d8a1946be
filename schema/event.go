// Package schema decides what an event is: whether the bytes of the plugin's file are an event document, whether the
// document is complete, and whether two documents are the same event. It also defines positions and the lines of the
// journal and the outbox. It does no I/O and reads no clock.
//
// The contract is the plugin's own: an event is a JSON object whose "timestamp" is present and not null (PHP's isset).
// event.schema.json states it for other tools. All other fields pass through unchanged: the package never decodes a
// document into Go values and encodes it again.
package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ID identifies an event by its content: it is the SHA-256 of the compact document.
type ID [sha256.Size]byte

// Event is one event document.
type Event struct {
	// ID is equal for two events exactly if their documents are equal.
	ID ID

	// Type is the document's "type", or "" if it has none or its value is not a string.
	Type string

	// Seconds is the document's "timestamp" as Unix time. It is NaN if the value is neither a number nor a numeric
	// string. The plugin counts whole seconds, so different events can have equal times.
	Seconds float64

	// Written is the time at which the event was written, in nanoseconds of Unix time, or 0 if it is unknown. Decode
	// leaves it 0.
	Written int64

	// From is the stamp of the outbox line that holds the event. It is zero if the event did not come from an outbox.
	// Decode leaves it zero.
	From Stamp

	// Document is the JSON object without insignificant white space. The order of keys, the spelling of numbers and
	// the escapes are the plugin's. Several goroutines share it, so it must not be changed.
	Document []byte
}

// Before reports whether e is older than o by their timestamps. It returns false if either has no numeric timestamp.
func (e Event) Before(o Event) bool { return e.Seconds < o.Seconds }

// Decode returns the event at the start of file, and the bytes after it, without leading white space. Overlapping
// writers leave such a tail of an older, longer document. maxSize is the maximum size of the document before white
// space is removed, in bytes; 0 means no limit. The error is an *Error.
func Decode(file []byte, maxSize int) (ev Event, tail []byte, err error) {
	whole := file
	if maxSize > 0 && len(file) > maxSize {
		file = file[:maxSize]
	}
	start := skipSpace(file, 0)
	end, complete := scanObject(file, start)
	switch {
	case start == len(whole):
		return Event{}, nil, &Error{Reason: "the file is empty", Offset: 0}
	case !complete && len(whole) > len(file) && (start == len(file) || end > start):
		reason := "the document is larger than " + strconv.Itoa(maxSize) + " bytes"
		return Event{}, nil, &Error{Reason: reason, Offset: maxSize}
	case end == start:
		return Event{}, nil, notAnObject(file, start)
	case !complete:
		return Event{}, nil, &Error{Reason: "the document is incomplete", Offset: len(file)}
	}
	ev, err = decodeObject(file[start:end], start)
	if err != nil {
		return Event{}, nil, err
	}
	return ev, whole[skipSpace(whole, end):], nil
}

// Complete reports whether more bytes at the end of file cannot change the result of Decode: file starts with a
// complete object, or with something that is not an object. No proper prefix of an object is complete.
func Complete(file []byte) bool {
	start := skipSpace(file, 0)
	if start == len(file) {
		return false
	}
	end, complete := scanObject(file, start)
	return complete || end == start
}

// decodeObject decodes the object doc, which starts at offset base of its file.
func decodeObject(doc []byte, base int) (Event, error) {
	if !utf8.Valid(doc) {
		return Event{}, &Error{Reason: "the text is not valid UTF-8", Offset: base + firstInvalid(doc)}
	}
	document, ok := compact(doc)
	if !ok { // it is not valid, or deep
		var buf bytes.Buffer
		if err := json.Compact(&buf, doc); err != nil {
			return Event{}, syntaxError(doc, base)
		}
		document = buf.Bytes()
	}
	ev := Event{Document: document, Seconds: math.NaN()}
	timestamp, typ := members(ev.Document)
	switch {
	case timestamp == nil:
		return Event{}, &Error{Reason: "missing", Field: "timestamp", Offset: -1}
	case string(timestamp) == "null":
		return Event{}, &Error{Reason: "null", Field: "timestamp", Offset: -1}
	}
	ev.ID = sha256.Sum256(ev.Document)
	ev.Type, _ = unquote(typ)
	ev.Seconds = seconds(timestamp)
	return ev, nil
}

// members returns the values of "timestamp" and "type" in a valid compact object, or nil for one that is absent. If a
// name occurs more than once, the last value counts, as in PHP and JavaScript.
func members(doc []byte) (timestamp, typ []byte) {
	for i := 1; doc[i] != '}'; {
		if doc[i] == ',' {
			i++
		}
		keyEnd := scanString(doc, i)
		valueEnd := scanValue(doc, keyEnd+1)
		switch string(plainKey(doc[i:keyEnd])) {
		case "timestamp":
			timestamp = doc[keyEnd+1 : valueEnd]
		case "type":
			typ = doc[keyEnd+1 : valueEnd]
		}
		i = valueEnd
	}
	return timestamp, typ
}

// plainKey returns a member's name without its quotes and escapes.
func plainKey(name []byte) []byte {
	if bytes.IndexByte(name, '\\') < 0 {
		return name[1 : len(name)-1]
	}
	s, _ := unquote(name)
	return []byte(s)
}

// seconds returns the value of "timestamp" as a number, or NaN. The value may be a string, because PHP code can leave a
// number as a string.
func seconds(value []byte) float64 {
	text := string(value)
	if s, ok := unquote(value); ok {
		text = strings.TrimSpace(s)
	}
	if n, err := strconv.ParseInt(text, 10, 54); err == nil { // exact as a float64
		return float64(n)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		return math.NaN()
	}
	return n
}

// unquote returns the string that a JSON value encodes. ok is false if the value is not a string.
func unquote(value []byte) (s string, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	err := json.Unmarshal(value, &s)
	return s, err == nil
}
