package access

import (
	"cmp"
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

// explicitToken returns the token that a script or program has put into the request on purpose, or "".
func explicitToken(r *http.Request) string {
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if text = strings.TrimSpace(text); ok && text != "" && strings.EqualFold(scheme, "Bearer") {
		return text
	}
	return cmp.Or(tokenInSubprotocols(r), r.URL.Query().Get(Parameter))
}

// cookieTokens returns the tokens in the cookies with this name. A browser sends one for each domain and path that has
// the name, the one for the longest path first (RFC 6265 §5.4).
func cookieTokens(r *http.Request, name string) (texts []string) {
	if name == "" {
		return nil
	}
	for _, cookie := range r.CookiesNamed(name) {
		if cookie.Value != "" && len(texts) < maxCookies {
			texts = append(texts, cookie.Value)
		}
	}
	return texts
}

// tokenInSubprotocols returns the subprotocol that a client offers next after Subprotocol, or "".
func tokenInSubprotocols(r *http.Request) string {
	found := false
	for _, value := range r.Header.Values("Sec-WebSocket-Protocol") {
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
