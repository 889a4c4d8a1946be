package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"wpre-relay/relay"
)

// Publishing handles POST /publish.
type Publishing struct {
	Token   string // clients must send it as a bearer token; "" rejects all clients
	MaxSize int    // maximum size of an event, in bytes
	Publish func(ctx context.Context, document []byte) (relay.Decision, error)
}

// ServeHTTP reads an event as JSON and answers with the decision once the event is in the journal.
func (p Publishing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.authorized(r) {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 §3
		http.Error(w, "wpre-relay: unauthorized: send the secret of --publish-token as Authorization: Bearer SECRET",
			http.StatusUnauthorized)
		return
	}
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(p.MaxSize)))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		http.Error(w, fmt.Sprintf("wpre-relay: event is larger than %d bytes; raise --max-event-size", p.MaxSize),
			http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "wpre-relay: read event: "+err.Error(), http.StatusBadRequest)
		return
	}
	decision, err := p.Publish(r.Context(), document)
	switch {
	case decision == relay.Invalid:
		http.Error(w, "wpre-relay: invalid event: "+err.Error(), http.StatusBadRequest)
		return
	case err != nil:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "wpre-relay: event is not in the journal, try again: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]relay.Decision{"decision": decision})
}

// authorized compares the bearer token in constant time.
func (p Publishing) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && p.Token != "" &&
		subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(p.Token)) == 1
}
