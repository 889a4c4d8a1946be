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

	// maxCookies limits the cookies whose tokens are verified, since each costs the verification of a signature.
	// Browsers send few: one for each parent domain and path of the page.
	maxCookies = 8
)

// tokenSource is the place of a token in a request.
type tokenSource int

const (
	fromHeader tokenSource = iota
	fromSubprotocol
	fromQuery
	fromCookie
)

// findTokens returns the tokens of a request, which come from one place. A place that a script must fill on purpose
// takes precedence over the cookies with the given name. Only cookies can hold several tokens: a browser sends one
// for each domain and path that has the name, the one for the longest path first (RFC 6265 §5.4).
func findTokens(r *http.Request, cookie string) (texts []string, from tokenSource) {
	if scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if text = strings.TrimSpace(text); text != "" {
			return []string{text}, fromHeader
		}
		return nil, fromHeader
	}
	if text := tokenInSubprotocols(r.Header.Values("Sec-WebSocket-Protocol")); text != "" {
		return []string{text}, fromSubprotocol
	}
	if text := r.URL.Query().Get(Parameter); text != "" {
		return []string{text}, fromQuery
	}
	if cookie == "" {
		return nil, fromHeader
	}
	for _, c := range r.CookiesNamed(cookie) {
		if c.Value != "" && len(texts) < maxCookies {
			texts = append(texts, c.Value)
		}
	}
	return texts, fromCookie
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
