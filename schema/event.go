// Package schema says what an event is: which bytes of the plugin's file are an event document, whether
// they are all there yet, and whether two documents are the same event. It does no I/O and reads no clock.
//
// The contract is the plugin's own: a JSON object whose "timestamp" is present and not null (PHP's isset).
// event.schema.json states it for other tools. Every other field is the plugin's business and passes through
// untouched: documents are never decoded into Go values and encoded again.
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

// ID names an event by its content: the SHA-256 of its compact document.
type ID [sha256.Size]byte

// Event is one event document, as Decode found it.
type Event struct {
	// ID is equal for two events exactly if their documents are.
	ID ID

	// Type is the document's "type", or "" where it has none or one that is not a string.
	Type string

	// Seconds is the document's "timestamp" as Unix time, NaN where it is not a number and not a numeric
	// string. The plugin counts whole seconds, so equal times do not mean the same event.
	Seconds float64

	// Written is when it was written, as Unix time in nanoseconds, where its bearer knows that; else 0, as Decode leaves
	// it.
	Written int64

	// From is the line of the outbox that it was taken from, where that was one; else the zero Stamp, as Decode leaves it.
	From Stamp

	// Document is the JSON object without insignificant white space; key order, number spelling and escapes
	// are as the plugin wrote them. Do not change it: it is shared.
	Document []byte
}

// Before reports whether e is older than o by their timestamps. It is false where either has none that counts.
func (e Event) Before(o Event) bool { return e.Seconds < o.Seconds }

// Decode returns the event that file begins with and the tail that follows it, other than white space: what
// overlapping writers leave of an older, longer document. maxSize bounds the document, in bytes as written; 0
// means no bound. The error is an *Error.
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
		return Event{}, nil, &Error{Reason: "the document is larger than " + strconv.Itoa(maxSize) + " bytes", Offset: maxSize}
	case end == start:
		return Event{}, nil, notAnObject(file, start)
	case !complete:
		return Event{}, nil, &Error{Reason: "the document is cut off", Offset: len(file)}
	}
	ev, err = decodeObject(file[start:end], start)
	if err != nil {
		return Event{}, nil, err
	}
	return ev, whole[skipSpace(whole, end):], nil
}

// Complete reports whether waiting for more bytes at the end of file would be in vain: it begins with a whole
// object, or with something that is no object whatever follows. No proper prefix of an object is complete.
func Complete(file []byte) bool {
	start := skipSpace(file, 0)
	if start == len(file) {
		return false
	}
	end, complete := scanObject(file, start)
	return complete || end == start
}

// decodeObject decodes the object in doc, which starts at offset base of its file.
func decodeObject(doc []byte, base int) (Event, error) {
	if !utf8.Valid(doc) {
		return Event{}, &Error{Reason: "the text is not valid UTF-8", Offset: base + firstInvalid(doc)}
	}
	var compact bytes.Buffer
	compact.Grow(len(doc))
	if err := json.Compact(&compact, doc); err != nil {
		return Event{}, syntaxError(doc, base)
	}
	ev := Event{Document: compact.Bytes(), Seconds: math.NaN()}
	timestamp, typ := members(ev.Document)
	switch {
	case timestamp == nil:
		return Event{}, &Error{Reason: "it is missing", Field: "timestamp", Offset: -1}
	case string(timestamp) == "null":
		return Event{}, &Error{Reason: "it is null", Field: "timestamp", Offset: -1}
	}
	ev.ID = sha256.Sum256(ev.Document)
	ev.Type, _ = unquote(typ)
	ev.Seconds = seconds(timestamp)
	return ev, nil
}

// members returns the values of "timestamp" and "type" in a valid compact object, nil where absent. Of several
// members of one name the last counts, as for PHP and JavaScript.
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

// plainKey returns what a member's name spells, without its quotes.
func plainKey(name []byte) []byte {
	if bytes.IndexByte(name, '\\') < 0 {
		return name[1 : len(name)-1]
	}
	s, _ := unquote(name)
	return []byte(s)
}

// seconds returns a "timestamp" value as a number, NaN if it is none. PHP code may leave it as a string.
func seconds(value []byte) float64 {
	text := string(value)
	if s, ok := unquote(value); ok {
		text = strings.TrimSpace(s)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		return math.NaN()
	}
	return n
}

// unquote returns the string that value spells, and whether it is one.
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
