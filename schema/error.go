package schema

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Error says why a file holds no event. Its text names the field or the offset and holds none of the content,
// which may be private.
type Error struct {
	// Reason is what is wrong, as a clause: "it is missing".
	Reason string

	// Field is the member at fault, "" where the fault is the document's.
	Field string

	// Offset is the byte of the file, from 0, at which the fault shows; -1 where it has no place.
	Offset int
}

// Error returns the reason with the field or the offset, fit for a log line.
func (e *Error) Error() string {
	switch {
	case e.Field != "":
		return "field " + strconv.Quote(e.Field) + ": " + e.Reason
	case e.Offset >= 0:
		return e.Reason + " (at byte " + strconv.Itoa(e.Offset) + ")"
	default:
		return e.Reason
	}
}

func notAnObject(b []byte, at int) *Error {
	reason := "the file does not begin with a JSON object"
	switch c := b[at]; {
	case c == '[':
		reason = "the document is a list, not an object"
	case c == '"':
		reason = "the document is a string, not an object"
	case c == '-' || '0' <= c && c <= '9':
		reason = "the document is a number, not an object"
	}
	return &Error{Reason: reason, Offset: at}
}

// syntaxError says where doc, which starts at offset base of its file, stops being JSON.
func syntaxError(doc []byte, base int) *Error {
	var raw json.RawMessage
	var syntax *json.SyntaxError
	err := json.Unmarshal(doc, &raw)
	if !errors.As(err, &syntax) {
		return &Error{Reason: "not valid JSON", Offset: base}
	}
	// SyntaxError counts the bytes read, the offending one among them.
	return &Error{Reason: "not valid JSON: " + syntax.Error(), Offset: base + int(syntax.Offset) - 1}
}

// firstInvalid returns the offset of the first byte of b that is not UTF-8.
func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}
