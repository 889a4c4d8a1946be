package access

import (
	"net/http"
	"strings"
)

const (
	// Subprotocol is the subprotocol that a client offers before its token, which is the next subprotocol. Scripts in
	// browsers can set only the URL and the subprotocols of a WebSocket handshake.
	Subprotocol = "bearer"

	// Parameter is the query parameter that holds a token (RFC 6750 §2.3).
	Parameter = "access_token"
)

// tokenSource is the place of a token in a request.
type tokenSource int

const (
	fromHeader tokenSource = iota
	fromSubprotocol
	fromQuery
	fromCookie
)

// findToken returns the token of a request, or "". A place that a script must fill on purpose takes precedence over
// the cookie with the given name.
func findToken(r *http.Request, cookie string) (text string, from tokenSource) {
	if scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(text), fromHeader
	}
	if text := tokenInSubprotocols(r.Header.Values("Sec-WebSocket-Protocol")); text != "" {
		return text, fromSubprotocol
	}
	if text := r.URL.Query().Get(Parameter); text != "" {
		return text, fromQuery
	}
	if cookie != "" {
		if c, err := r.Cookie(cookie); err == nil {
			return c.Value, fromCookie
		}
	}
	return "", fromHeader
}

// tokenInSubprotocols returns the subprotocol that a client offers next after Subprotocol, or "".
func tokenInSubprotocols(values []string) string {
	found := false
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			if found {
				return name
			}
			found = name == Subprotocol
		}
	}
	return ""
}
