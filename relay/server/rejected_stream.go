package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// retryJitter is the maximum random delay that is added to a retry, so that rejected clients do not return at once.
const retryJitter = 2 * time.Second

// rejectedEvent is the data of the event that an event stream gets instead of a temporary rejection.
type rejectedEvent struct {
	Reason  string `json:"reason"`
	Status  int    `json:"status"` // of the response that other clients get
	Retry   int64  `json:"retry"`  // in milliseconds
	Message string `json:"message"`
}

// wantsEventStream reports whether a browser's EventSource sent the request, or a client that behaves like one.
func wantsEventStream(r *http.Request) bool {
	accepted := slices.ContainsFunc(r.Header.Values("Accept"), func(value string) bool {
		return strings.Contains(strings.ToLower(value), "text/event-stream")
	})
	return accepted && r.Method == http.MethodGet && path.Base(r.URL.Path) == "events" && !wantsUpgrade(r)
}

// sendRejectedStream answers a request for an event stream with one event and the end of the stream. An EventSource
// reconnects after it. It never reconnects after a status other than 200 (HTML standard §9.2.3).
func sendRejectedStream(w http.ResponseWriter, status int, label, text string, retryAfter time.Duration) {
	retry := (retryAfter + rand.N(retryJitter)).Milliseconds()
	data, _ := json.Marshal(rejectedEvent{label, status, retry, text}) // cannot fail: numbers and strings
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	header.Set("X-Content-Type-Options", "nosniff")
	fmt.Fprintf(w, "retry: %d\nevent: rejected\ndata: %s\n\n", retry, data)
}
