// Package access authenticates clients: by a token that they send, or by a request to the site, which knows its
// visitors by their cookies. Every error is a rejection: a client becomes the public only by the settings, never by a
// failure.
package access

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/token"
)

// DefaultTrustedCapability is a capability of editors and administrators, who see the drafts of others in WordPress.
const DefaultTrustedCapability = "edit_others_posts"

// Options for New. The zero value admits every client as the public.
type Options struct {
	// Tokens verifies tokens. Default: tokens are ignored.
	Tokens *token.Verifier

	// Cookie is the name of a cookie that may hold a token. Default: none.
	Cookie string

	// Site authorizes clients without a token. Default: no site is asked.
	Site *Site

	// TrustedCapability is the WordPress capability that the claim caps must contain, so that a client sees more than
	// the public. Default: DefaultTrustedCapability.
	TrustedCapability string

	// Anonymous admits clients as the public if they have no token and the site does not know them. It is always on
	// without Tokens and Site.
	Anonymous bool
}

// Authenticator finds out who a client is. Use New. It may be used by several goroutines.
type Authenticator struct{ opts Options }

// New returns an authenticator.
func New(opts Options) *Authenticator {
	opts.Anonymous = opts.Anonymous || opts.Tokens == nil && opts.Site == nil
	opts.TrustedCapability = cmp.Or(opts.TrustedCapability, DefaultTrustedCapability)
	return &Authenticator{opts}
}

// Identity is the result of authentication. The zero value is the public.
type Identity struct {
	Viewer      filter.Viewer
	Expires     time.Time // the client must be disconnected then; zero: never
	Subprotocol string    // the WebSocket subprotocol before a token, which must be accepted, or ""
}

// Authenticate returns the identity of the client that sent r from the given address. The error is always a
// *Rejection.
func (a *Authenticator) Authenticate(r *http.Request, address string) (identity Identity, err error) {
	defer func() {
		if tokenInSubprotocols(r) != "" {
			identity.Subprotocol = Subprotocol
		}
	}()
	if identity, found, err := a.byToken(r); found || err != nil {
		return identity, err
	}
	if identity, found, err := a.bySite(r, address); found || err != nil {
		return identity, err
	}
	if !a.opts.Anonymous {
		return Identity{}, &Rejection{InvalidToken, fmt.Sprintf("a token is required: "+
			"as Authorization: Bearer, as ?%s=, or as the subprotocol after %q", Parameter, Subprotocol)}
	}
	return Identity{}, nil
}

// viewer returns the viewer with these claims. It is trusted only if caps is an array that contains the trusted
// capability: a token proves who the client is, and every subscriber of the site can have one.
func (a *Authenticator) viewer(claims map[string]any) filter.Viewer {
	capabilities, _ := claims["caps"].([]any)
	return filter.Viewer{Trusted: slices.Contains(capabilities, any(a.opts.TrustedCapability)), Claims: claims}
}

// Reload reads the files with the keys of tokens again.
func (a *Authenticator) Reload() {
	if a.opts.Tokens != nil {
		a.opts.Tokens.Reload()
	}
}

// byToken returns the identity that a token proves. found is false if the request has no token. It is also false if all
// tokens have expired and the public is admitted: a page cannot renew the token in its URL.
func (a *Authenticator) byToken(r *http.Request) (identity Identity, found bool, err error) {
	if a.opts.Tokens == nil {
		return Identity{}, false, nil
	}
	text := explicitToken(r)
	if text == "" {
		return a.byCookie(r)
	}
	identity, invalid := a.verify(text)
	if invalid == nil {
		return identity, true, nil
	}
	if errors.Is(invalid, token.ErrExpired) {
		identity, found, err = a.byCookie(r)
		if found || err != nil || a.opts.Anonymous {
			return identity, found, err
		}
	}
	return Identity{}, false, tokenRejection(invalid)
}

// byCookie returns the identity that the first valid token in the cookies proves. found is false if there is none, or
// only expired ones: a browser sends its cookies even if the page does not want to authenticate.
func (a *Authenticator) byCookie(r *http.Request) (_ Identity, found bool, err error) {
	for _, text := range cookieTokens(r, a.opts.Cookie) {
		identity, invalid := a.verify(text)
		if invalid == nil {
			return identity, true, nil
		}
		if err == nil && !errors.Is(invalid, token.ErrExpired) {
			err = tokenRejection(invalid)
		}
	}
	return Identity{}, false, err
}

// verify returns the identity that a token proves, or why the token is not valid.
func (a *Authenticator) verify(text string) (Identity, error) {
	claims, expires, err := a.opts.Tokens.Verify(text)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Viewer: a.viewer(claims), Expires: expires}, nil
}

// tokenRejection returns the rejection of a token for the error of its verification.
func tokenRejection(err error) *Rejection {
	if invalid, ok := errors.AsType[*token.InvalidError](err); ok {
		return &Rejection{InvalidToken, invalid.Error()}
	}
	return &Rejection{Unavailable, "the token cannot be verified; retry"}
}

// bySite returns the identity that the site confirms. found is false if the site was not asked, or if it does not
// admit the client and the settings admit the public.
func (a *Authenticator) bySite(r *http.Request, address string) (identity Identity, found bool, err error) {
	if a.opts.Site == nil || a.opts.Anonymous && !hasCredentials(r) {
		return Identity{}, false, nil
	}
	answer, err := a.opts.Site.authorize(r.Context(), r, address)
	if err == nil {
		return Identity{Viewer: a.viewer(answer.claims), Expires: answer.expires}, true, nil
	}
	rejection, ok := errors.AsType[*Rejection](err)
	if ok && a.opts.Anonymous && (rejection.Reason == UnknownClient || rejection.Reason == Forbidden) {
		return Identity{}, false, nil
	}
	return Identity{}, false, err
}

// hasCredentials reports whether a request has headers by which the site could know the client.
func hasCredentials(r *http.Request) bool {
	return r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != ""
}
