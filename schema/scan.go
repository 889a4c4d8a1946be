package schema

import "bytes"

// The scanners below find where things end, by brackets and quotes alone. They do not validate; they are exact
// on valid JSON, and on anything else they stay inside the slice.

// skipSpace returns the index of the first byte of b from i on that is not JSON white space (RFC 8259 §2).
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scanObject returns where the object that starts at i ends, and whether its end is there. It returns i where
// no object starts.
func scanObject(b []byte, i int) (end int, complete bool) {
	if i >= len(b) || b[i] != '{' {
		return i, false
	}
	end = scanValue(b, i)
	return end, end > 0 && end <= len(b)
}

// scanValue returns the index after the value that starts at i, or len(b)+1 if b ends inside of it. The end of
// a number or a literal is the next byte that cannot belong to one.
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

// scanString returns the index after the string that starts at i, or len(b)+1 if b ends inside of it.
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

// scanPlain returns the index of the first byte after i that opens or closes something or ends a member.
func scanPlain(b []byte, i int) int {
	if n := bytes.IndexAny(b[i+1:], `"{}[],`); n >= 0 {
		return i + 1 + n
	}
	return len(b)
}
