package admin

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"wpre-relay/relay"
	"wpre-relay/relay/budget"
	"wpre-relay/relay/security/clientaddr"
)

// minPublishBuffers is the least number of bytes of the events that publishers send at the same time. At most half of
// them are for one address.
const minPublishBuffers = 16 << 20

// PublishBuffers returns a budget for Publishing.Buffers: room for four events of the maximum size at least.
func PublishBuffers(maxSize int) *budget.Budget { return budget.New(max(minPublishBuffers, 4*maxSize)) }

// Publishing handles POST /publish.
type Publishing struct {
	Token   string         // clients must send it as a bearer token; "" rejects all clients
	MaxSize int            // maximum size of an event, in bytes
	Buffers *budget.Budget // bounds the bytes of events that are being received or appended
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
	release, ok := p.reserve(r)
	if !ok {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "wpre-relay: too many events are being published, try again", http.StatusServiceUnavailable)
		return
	}
	defer release()
	document, err := p.read(w, r)
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

// reserve takes the memory for the event of a request from the budget. It reports false if it gets none.
func (p Publishing) reserve(r *http.Request) (release func(), ok bool) {
	address, _ := clientaddr.ParseAddr(r.RemoteAddr)
	network, size := clientaddr.NetworkOf(address), p.bodySize(r)
	if !p.Buffers.Acquire(network, size) {
		return nil, false
	}
	return func() { p.Buffers.Release(network, size) }, true
}

// bodySize returns the number of bytes to read at most.
func (p Publishing) bodySize(r *http.Request) int {
	if r.ContentLength < 0 {
		return p.MaxSize
	}
	return int(min(r.ContentLength, int64(p.MaxSize)))
}

// read reads the event. It allocates its memory at once, because growing it takes several times as much.
func (p Publishing) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	document := bytes.NewBuffer(make([]byte, 0, p.bodySize(r)+bytes.MinRead))
	_, err := document.ReadFrom(http.MaxBytesReader(w, r.Body, int64(p.MaxSize)))
	return document.Bytes(), err
}

// authorized compares the bearer token in constant time.
func (p Publishing) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && p.Token != "" &&
		subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(p.Token)) == 1
}
