package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"wpre-relay/relay"
)

// Publishing is how events are handed over at /publish.
type Publishing struct {
	Token   string // who has it may; of "" nobody may
	MaxSize int    // of an event, in bytes
	Publish func(ctx context.Context, document []byte) (relay.Decision, error)
}

// ServeHTTP takes an event, as JSON, from who has the token, and answers once it is in the journal.
func (p Publishing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || p.Token == "" || subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(p.Token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 §3
		http.Error(w, "wpre-relay: the secret of --publish-token is needed, as Authorization: Bearer", http.StatusUnauthorized)
		return
	}
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(p.MaxSize)))
	if tooLarge, is := errors.AsType[*http.MaxBytesError](err); is {
		http.Error(w, "wpre-relay: "+tooLarge.Error()+": an event may have as many bytes as --max-event-size says", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "wpre-relay: "+err.Error(), http.StatusBadRequest)
		return
	}
	decision, err := p.Publish(r.Context(), document)
	switch {
	case decision == relay.Invalid:
		http.Error(w, "wpre-relay: no event: "+err.Error(), http.StatusBadRequest)
		return
	case err != nil:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "wpre-relay: not in the journal yet: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]relay.Decision{"decision": decision})
}
