package listener

import (
	"bytes"
	"net/http"
	"strings"
)

// endOfHeader ends the header of a request.
var endOfHeader = []byte("\r\n\r\n")

// parse returns the request in received, and the bytes after it. It returns nil unless received begins with a whole
// WebSocket handshake that net/http would pass to the handler. In doubt it returns nil, and net/http decides.
func (q *quickRequest) parse(received []byte) (r *http.Request, rest []byte) {
	end := bytes.Index(received, endOfHeader) + len(endOfHeader)
	if end < len(endOfHeader) || !bytes.HasPrefix(received, []byte("GET /")) || !isPlain(received[:end]) {
		return nil, nil
	}
	q.parsed.Reset(received[:end])
	q.lines.Reset(&q.parsed)
	r, err := http.ReadRequest(q.lines)
	if err != nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Body != http.NoBody || r.Close ||
		!strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Expect") != "" ||
		r.Host == "" || !hasOnly(r.Host, letters+"-.:[]") {
		return nil, nil
	}
	for name := range r.Header {
		if !hasOnly(name, letters+"-_") {
			return nil, nil
		}
	}
	return r, received[end:]
}

// letters are the letters and digits, which are plain in host names and header names. Net/http rejects some others.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// hasOnly reports whether text has only these ASCII characters.
func hasOnly(text, characters string) bool { return strings.Trim(text, characters) == "" }

// isPlain reports whether a header has no control characters but line ends and tabs. Net/http rejects the others.
func isPlain(header []byte) bool {
	for i, b := range header {
		switch {
		case b == '\r' && (i+1 == len(header) || header[i+1] != '\n'), b == '\n' && header[i-1] != '\r':
			return false
		case b < ' ' && b != '\t' && b != '\r' && b != '\n', b == 0x7f:
			return false
		}
	}
	return true
}
