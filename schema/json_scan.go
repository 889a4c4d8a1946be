package schema

import "bytes"

// These functions find the end of JSON values by brackets and quotes. They do not validate. On valid JSON they are
// exact, and on any other text they never read outside the slice.

// skipSpace returns the index of the first byte of b, from i, that is not JSON white space (RFC 8259 §2).
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scanObject returns the end of the object that starts at i, and whether b contains that end. It returns i if no object
// starts there.
func scanObject(b []byte, i int) (end int, complete bool) {
	if i >= len(b) || b[i] != '{' {
		return i, false
	}
	end = scanValue(b, i)
	return end, end > 0 && end <= len(b)
}

// scanValue returns the index after the value that starts at i, or len(b)+1 if the value is incomplete. A number or a
// literal ends at the next byte that cannot be part of one.
func scanValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = scanString(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			i = scanPlain(b, i)
		}
		if depth == 0 {
			return i
		}
	}
	return len(b) + 1
}

// scanString returns the index after the string that starts at i, or len(b)+1 if the string is incomplete.
func scanString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			break
		}
		quote := i + n
		escapes := 0
		for quote-1-escapes >= i && b[quote-1-escapes] == '\\' {
			escapes++
		}
		i = quote
		if escapes%2 == 0 {
			return i + 1
		}
	}
	return len(b) + 1
}

// scanPlain returns the index of the first byte after i that starts or ends a string, an object, an array or a member.
func scanPlain(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"', '{', '}', '[', ']', ',':
			return i
		}
	}
	return len(b)
}
