package schema

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Error describes why a file holds no event. Its text names the field or the offset. It contains none of the file's
// content, which may be private.
type Error struct {
	// Reason is the fault, for example "missing".
	Reason string

	// Field is the member with the fault, or "" if the whole document has it.
	Field string

	// Offset is the byte of the file, from 0, at which the fault is; -1 if it has no place.
	Offset int
}

// Error returns the reason with the field or the offset.
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

// notAnObject returns the error for a document that starts at offset at of b and is not an object.
func notAnObject(b []byte, at int) *Error {
	reason := "the file does not begin with a JSON object"
	switch c := b[at]; {
	case c == '[':
		reason = "the document is an array, not an object"
	case c == '"':
		reason = "the document is a string, not an object"
	case c == '-' || '0' <= c && c <= '9':
		reason = "the document is a number, not an object"
	}
	return &Error{Reason: reason, Offset: at}
}

// syntaxError returns the error for doc, which starts at offset base of its file and is not valid JSON.
func syntaxError(doc []byte, base int) *Error {
	var raw json.RawMessage
	var syntax *json.SyntaxError
	err := json.Unmarshal(doc, &raw)
	if !errors.As(err, &syntax) {
		return &Error{Reason: "not valid JSON", Offset: base}
	}
	// SyntaxError.Offset is the number of bytes read, including the invalid one.
	return &Error{Reason: "not valid JSON: " + syntax.Error(), Offset: base + int(syntax.Offset) - 1}
}

// firstInvalid returns the offset of the first byte of b that is not valid UTF-8, or len(b).
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
