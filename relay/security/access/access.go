// Package access finds out who a client is: by a token that it brings, or by asking the site, which knows its own
// visitors by their cookies.
package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/token"
)

const (
	// Subprotocol is what a client offers before its token, as the next subprotocol: a browser lets scripts set nothing
	// else of a WebSocket handshake but the URL.
	Subprotocol = "bearer"

	// Parameter is that of the query for a token (RFC 6750 §2.3).
	Parameter = "access_token"
)

// Options for New. The zero value admits everybody as the public.
type Options struct {
	// Tokens checks tokens. Default nil: they are not looked at.
	Tokens *token.Verifier

	// Cookie is the name of that which may hold a token. Default "": none.
	Cookie string

	// Site is asked for those who bring no token. Default nil: nobody is.
	Site *Site

	// Anonymous admits those who have no token, and whom the site does not know, as the public. It is so without
	// Tokens and Site.
	Anonymous bool
}

// Gate tells who clients are. Use New.
type Gate struct{ opts Options }

// New returns a gate.
func New(opts Options) *Gate {
	opts.Anonymous = opts.Anonymous || opts.Tokens == nil && opts.Site == nil
	return &Gate{opts}
}

// Identity is who a client is.
type Identity struct {
	Viewer      filter.Viewer
	Expires     time.Time // from when on it is no longer; zero: never
	Subprotocol string    // that by which the token came, which has to be agreed on; else ""
}

// Refusal says why a client is not admitted.
type Refusal struct {
	Status int    // 401, 403 or 503
	Reason string // one word for counts
	Text   string // for the client; it holds nothing that is secret
}

// Error implements error.
func (r *Refusal) Error() string { return r.Text }

// Identify returns who the client is. The address is where it comes from, for the site to know. The error is a *Refusal.
func (g *Gate) Identify(r *http.Request, address string) (Identity, error) {
	if g.opts.Tokens != nil {
		text, from := g.token(r)
		if text != "" {
			claims, expires, err := g.opts.Tokens.Verify(text)
			switch {
			case err == nil:
				identity := Identity{Viewer: filter.Viewer{Token: true, Claims: claims}, Expires: expires}
				if from == fromSubprotocol {
					identity.Subprotocol = Subprotocol
				}
				return identity, nil
			case from != fromCookie: // a browser sends an old cookie whether its page wants or not
				return Identity{}, &Refusal{http.StatusUnauthorized, "token", err.Error()}
			}
		}
	}
	if g.opts.Site != nil && (!g.opts.Anonymous || hasCredentials(r)) {
		identity, err := g.askSite(r.Context(), r, address)
		if refusal, ok := err.(*Refusal); err == nil || !g.opts.Anonymous || !ok || refusal.Status == http.StatusServiceUnavailable {
			return identity, err
		}
	}
	if !g.opts.Anonymous {
		return Identity{}, &Refusal{http.StatusUnauthorized, "token", fmt.Sprintf(
			"a token is needed: as Authorization: Bearer, as ?%s=, or as the subprotocol behind %q", Parameter, Subprotocol)}
	}
	return Identity{}, nil
}

func (g *Gate) askSite(ctx context.Context, r *http.Request, address string) (Identity, error) {
	answer, err := g.opts.Site.ask(ctx, r, address)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Viewer: filter.Viewer{Token: true, Claims: answer.claims}, Expires: answer.expires}, nil
}

// hasCredentials reports whether a site could know the client.
func hasCredentials(r *http.Request) bool {
	return r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != ""
}

// source is where in a request a token stands.
type source int

const (
	fromHeader source = iota
	fromSubprotocol
	fromQuery
	fromCookie
)

// token returns the token that the client brings, "" if none. What a script has put there on purpose counts before a
// cookie.
func (g *Gate) token(r *http.Request) (text string, from source) {
	if scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(text), fromHeader
	}
	if text := behindBearer(r.Header.Values("Sec-WebSocket-Protocol")); text != "" {
		return text, fromSubprotocol
	}
	if text := r.URL.Query().Get(Parameter); text != "" {
		return text, fromQuery
	}
	if g.opts.Cookie != "" {
		if cookie, err := r.Cookie(g.opts.Cookie); err == nil {
			return cookie.Value, fromCookie
		}
	}
	return "", fromHeader
}

// behindBearer returns the subprotocol that a client offers behind Subprotocol.
func behindBearer(values []string) string {
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
