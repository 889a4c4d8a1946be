package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// cookieName is the name of the session cookie, by which a browser is recognized when it reconnects.
const cookieName = "wpre_resume"

// session is the part of one connection in the sessions.
type session struct {
	sessions *sessions
	browser  string          // value of the session cookie
	isNew    bool            // the browser did not send a cookie, and gets this one
	resumed  *lostConnection // the lost connection that this one replaces; nil if there is none
}

// open returns the session of a request. It takes the lost connection that the new connection replaces. If the
// request does not become a client, the caller must restore it.
func (s *sessions) open(r *http.Request) *session {
	fresh := rand.Text()
	if cookie, err := r.Cookie(cookieName); err != nil || len(cookie.Value) != len(fresh) {
		return &session{sessions: s, browser: fresh, isNew: true}
	} else if lost, ok := s.take(cookie.Value); ok {
		return &session{sessions: s, browser: cookie.Value, resumed: &lost}
	} else {
		return &session{sessions: s, browser: cookie.Value}
	}
}

// restore gives the lost connection back, with its age. It does nothing if the session has not taken one.
func (x *session) restore() {
	if x.resumed != nil {
		x.sessions.add(*x.resumed)
	}
}

// save stores this connection as lost. The browser's next connection resumes after lastDelivered.
func (x *session) save(lastDelivered uint64) {
	x.sessions.add(lostConnection{x.browser, lastDelivered, time.Now()})
}

// withCookie returns the response writer of a request, with the session cookie if it is new. The cookie is sent only
// if the upgrade succeeds.
func (x *session) withCookie(req request) http.ResponseWriter {
	if !x.isNew {
		return req.w
	}
	http.SetCookie(req.w, &http.Cookie{
		Name:     cookieName,
		Value:    x.browser,
		Path:     "/",
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
		Secure:   req.r.TLS != nil || strings.EqualFold(req.r.Header.Get("X-Forwarded-Proto"), "https"),
	})
	return upgradeCookieWriter{req.w}
}

// upgradeCookieWriter removes the cookie from a response that is not an upgrade.
type upgradeCookieWriter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w upgradeCookieWriter) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		w.Header().Del("Set-Cookie")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the wrapped writer, for http.ResponseController.
func (w upgradeCookieWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
