package config

import (
	"errors"
	"net/url"
	"slices"

	"wpre-relay/relay/security/filter"
)

// Access holds the settings that decide which clients may connect and which events they see. The zero value shows
// every event to everyone.
type Access struct {
	JWTKey         []string // files with keys; a token that one of them verifies is valid
	JWTAudience    string
	JWTIssuer      string
	JWTCookie      string   // cookie that may hold a token; Off: none
	AuthURL        *url.URL // nil: only tokens authenticate
	AllowAnonymous bool

	TrustedCapability string // a client whose claim caps lacks it sees the same as the public
	PublicStatus      []string
	Filter            *filter.Filter
}

// defaultCookie is the cookie that the companion sets.
const defaultCookie = "wpre_relay_token"

func defaultAccess() Access {
	return Access{JWTCookie: defaultCookie, TrustedCapability: "edit_others_posts"}
}

func (a *Access) validate() error {
	switch {
	case len(a.JWTKey) == 0 && (a.JWTAudience != "" || a.JWTIssuer != "" || a.setsCookie()):
		return errors.New("--jwt-audience, --jwt-issuer and --jwt-cookie need --jwt-key")
	case a.AuthURL != nil && !isHTTP(a.AuthURL):
		return errors.New("--auth-url must be of the form https://host/path")
	case a.AllowAnonymous && !a.Authenticates():
		return errors.New("--allow-anonymous needs --jwt-key or --auth-url; without them everyone is admitted")
	case a.Filter != nil && len(a.PublicStatus) > 0:
		return errors.New("--filter and --public-status exclude each other; " +
			"--public-status publish is short for --filter 'trusted or status in [\"publish\"]'")
	case a.TrustedCapability == "":
		return errors.New("--trusted-capability must not be empty")
	}
	return nil
}

// Authenticates reports whether clients need a token or the site's permission.
func (a *Access) Authenticates() bool { return len(a.JWTKey) > 0 || a.AuthURL != nil }

// setsCookie reports whether JWTCookie names another cookie than the default.
func (a *Access) setsCookie() bool {
	return !slices.Contains([]string{"", Off, defaultCookie}, a.JWTCookie)
}

// TokenCookie returns the name of the cookie that may hold a token, or "" if there is none.
func (a *Access) TokenCookie() string {
	if a.JWTCookie == Off {
		return ""
	}
	return a.JWTCookie
}

// EventFilter returns the filter that Filter or PublicStatus defines, or nil if every client sees all events.
func (a *Access) EventFilter() (*filter.Filter, error) {
	if len(a.PublicStatus) > 0 {
		return filter.PublicStatus(a.PublicStatus)
	}
	return a.Filter, nil
}

// ShowsDrafts reports whether every client that is admitted sees events of drafts and private posts. With tokens these
// are all users of the site, subscribers included.
func (a *Access) ShowsDrafts() bool { return a.Filter == nil && len(a.PublicStatus) == 0 }

// isHTTP reports whether u is an http or https URL with a host.
func isHTTP(u *url.URL) bool { return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" }
