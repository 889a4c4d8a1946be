package schema

// maxCompactDepth is how deep compact follows objects and arrays. Events of WordPress have a depth of about 3.
const maxCompactDepth = 64

// compacter copies a JSON value (RFC 8259) without insignificant white space. Its methods read one element at the index
// at, and report false if it is not valid.
type compacter struct {
	in  []byte
	at  int
	out []byte
}

// compact returns the JSON value doc without insignificant white space, as json.Compact does, in less than half of the
// time. It reports false if doc is not valid, and also if its depth is above maxCompactDepth.
func compact(doc []byte) (compacted []byte, ok bool) {
	c := compacter{in: doc, out: make([]byte, 0, len(doc))}
	ok = c.value(0) && c.next() == 0 && c.at == len(doc)
	return c.out, ok
}

// next skips white space and returns the next byte, or 0 at the end.
func (c *compacter) next() byte {
	if c.at = skipSpace(c.in, c.at); c.at < len(c.in) {
		return c.in[c.at]
	}
	return 0
}

// copy copies the input up to index end.
func (c *compacter) copy(end int) bool {
	c.out = append(c.out, c.in[c.at:end]...)
	c.at = end
	return true
}

func (c *compacter) value(depth int) bool {
	switch c.next() {
	case '{':
		return c.list('}', depth)
	case '[':
		return c.list(']', depth)
	case '"':
		return c.text()
	case 't':
		return c.literal("true")
	case 'f':
		return c.literal("false")
	case 'n':
		return c.literal("null")
	default:
		return c.number()
	}
}

// list copies the object or array that ends with end.
func (c *compacter) list(end byte, depth int) bool {
	c.copy(c.at + 1)
	if depth == maxCompactDepth {
		return false
	}
	for first := true; c.next() != end || !first; first = false {
		if !first {
			if c.next() != ',' {
				return false
			}
			c.copy(c.at + 1)
		}
		if end == '}' && !c.name() || !c.value(depth+1) {
			return false
		}
		if c.next() == end {
			break
		}
	}
	return c.copy(c.at + 1)
}

// name copies the name of a member and its colon.
func (c *compacter) name() bool {
	return c.next() == '"' && c.text() && c.next() == ':' && c.copy(c.at+1)
}

func (c *compacter) text() bool {
	for i := c.at + 1; i < len(c.in); i++ {
		switch b := c.in[i]; {
		case b == '"':
			return c.copy(i + 1)
		case b < ' ':
			return false
		case b == '\\':
			if i++; i == len(c.in) {
				return false
			}
			switch c.in[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i == len(c.in) || !isHex(c.in[i]) {
						return false
					}
				}
			default:
				return false
			}
		}
	}
	return false
}

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func (c *compacter) literal(text string) bool {
	end := c.at + len(text)
	return end <= len(c.in) && string(c.in[c.at:end]) == text && c.copy(end)
}

func (c *compacter) number() bool {
	i := c.at
	if i < len(c.in) && c.in[i] == '-' {
		i++
	}
	end := c.digits(i)
	if end == i || c.in[i] == '0' && end > i+1 {
		return false
	}
	if i = end; i < len(c.in) && c.in[i] == '.' {
		if end = c.digits(i + 1); end == i+1 {
			return false
		}
		i = end
	}
	if i < len(c.in) && c.in[i]|0x20 == 'e' {
		if i++; i < len(c.in) && (c.in[i] == '+' || c.in[i] == '-') {
			i++
		}
		if end = c.digits(i); end == i {
			return false
		}
	}
	return c.copy(end)
}

// digits returns the index after the digits that start at i.
func (c *compacter) digits(i int) int {
	for i < len(c.in) && isDigit(c.in[i]) {
		i++
	}
	return i
}
