package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wpre-relay/relay/security/token"
)

const (
	// answerTTL is how long an answer is reused for requests with the same credentials.
	answerTTL = 10 * time.Second

	// defaultLifetime is how long a client may stay connected if the site's answer has no exp.
	defaultLifetime = time.Hour
)

// answer is the site's answer for one client. Its fields are set once done is closed, except asked, which is never
// changed.
type answer struct {
	done    chan struct{}
	asked   time.Time
	claims  map[string]any
	expires time.Time  // set if the client is admitted
	err     *Rejection // nil if the client is admitted
}

// isFresh reports whether the answer may be reused. An answer that is not complete yet is fresh. An admission is
// fresh until it expires, since the site may have extended it.
func (a *answer) isFresh(now time.Time) bool {
	if now.Sub(a.asked) >= answerTTL {
		return false
	}
	select {
	case <-a.done:
		return a.err != nil || now.Before(a.expires)
	default:
		return true
	}
}

// admit completes the answer for a client that the site admits with 2xx. It returns an error if the body cannot be
// read: its claims or its exp could have limited what the client sees. A body that does not look like JSON, such as a
// page for people, has no claims.
func (a *answer) admit(header http.Header, body []byte) error {
	claims, err := readClaims(header, body)
	if err != nil {
		return err
	}
	expires := a.asked.Add(defaultLifetime)
	if exp, found := claims["exp"]; found {
		if expires, err = readDate(exp); err != nil {
			return fmt.Errorf("exp in the answer is %w", err)
		}
	}
	a.claims, a.expires = claims, expires
	if !expires.After(time.Now()) {
		a.err = &Rejection{UnknownClient, "the site's authorization of this client has expired"}
	}
	return nil
}

// readClaims returns the JSON object in a body, or nil if the body does not look like JSON. It skips byte order marks,
// which PHP sends for each source file that begins with one.
func readClaims(header http.Header, body []byte) (map[string]any, error) {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, errors.New("the answer has a content encoding that was not requested")
	}
	body = bytes.TrimLeft(body, "\ufeff \t\r\n")
	if !looksLikeJSON(header.Get("Content-Type"), body) {
		return nil, nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, fmt.Errorf("the answer looks like JSON but cannot be read: %w", err)
	}
	claims, isObject := value.(map[string]any)
	if !isObject && bytes.ContainsRune(body, '{') {
		return nil, errors.New("the answer is JSON but not an object")
	}
	return claims, nil
}

// looksLikeJSON reports whether a body is meant to be JSON: by its type, or because it contains a brace and is not an
// HTML page. It is wrong for other text with a brace, so that such an answer is rejected. It has to be: a notice of PHP
// before the JSON changes the type to text/html, and a caching plugin appends a comment.
func looksLikeJSON(contentType string, body []byte) bool {
	if len(body) == 0 {
		return false
	}
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && strings.HasSuffix(mediaType, "json") {
		return true
	}
	start := strings.ToLower(string(body[:min(len(body), len("<!doctype html"))]))
	isPage := strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
	return !isPage && bytes.ContainsAny(body, "{}")
}

// readDate returns the time that a number, or a string with a number, means as a NumericDate. PHP reads numbers from
// a database as strings.
func readDate(value any) (time.Time, error) {
	switch value := value.(type) {
	case float64:
		return token.Date(value)
	case string:
		seconds, err := strconv.ParseFloat(value, 64)
		if err == nil {
			return token.Date(seconds)
		}
	}
	return time.Time{}, errors.New("not a number")
}
