package admin

import (
	"net/http"
	"strconv"
)

const (
	noPayloads = "wpre-relay: payloads need a token: start the relay with --publish-token"

	payloadUnauthorized = "wpre-relay: unauthorized: send the secret of --publish-token as Authorization: Bearer SECRET"

	payloadGone = "wpre-relay: the document of this change is not kept: the change is too old, is not an event, or is " +
		"longer than 4096 bytes"
)

// servePayload answers with the document of a change in the decision history. Publishing may be nil.
func (m *Monitor) servePayload(publishing *Publishing) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case publishing == nil:
			http.Error(w, noPayloads, http.StatusForbidden)
			return
		case !publishing.authorized(r):
			w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 §3
			http.Error(w, payloadUnauthorized, http.StatusUnauthorized)
			return
		}
		number, _ := strconv.ParseUint(r.PathValue("number"), 10, 64) // 0 is never kept
		change, ok := m.changes.get(number)
		if !ok || change.Event.Document == nil {
			http.Error(w, payloadGone, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(change.Event.Document)
	}
}
