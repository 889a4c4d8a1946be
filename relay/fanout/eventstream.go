package fanout

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// reconnectAfter is after how long at least a client of an event stream that has ended comes back, and reconnectWithin
// how much later at most: else all would come at once.
const (
	reconnectAfter  = time.Second
	reconnectWithin = 2 * time.Second
)

// AcceptSSE answers the request with Server-Sent Events (HTML standard §9.2) and adds the client. It sends the headers that
// w has, too. An error means that the client was never connected, because the connection cannot be hijacked, as in HTTP/2:
// the request has been answered, and OnDisconnect is not called. The caller must have admitted the client.
func (c *Clients) AcceptSSE(w http.ResponseWriter, r *http.Request, entry ClientConfig) error {
	hijacker := &hijacker{ResponseWriter: w}
	if _, _, err := hijacker.Hijack(); err != nil {
		http.Error(w, "wpre-relay: an event stream needs HTTP/1", http.StatusHTTPVersionNotSupported)
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx must not hold events back
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Connection", "close") // the end of the stream is that of the connection
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	at := entry.Position
	if entry.Gap != nil {
		at = entry.Gap.Since // until it has been told
	}
	retry := reconnectAfter + rand.N(reconnectWithin)
	var hello bytes.Buffer
	hello.WriteString("HTTP/1.1 200 OK\r\n")
	header.Write(&hello)
	fmt.Fprintf(&hello, "\r\nretry: %d\nid: %s\n\n", retry.Milliseconds(), at) // no event: it has no data
	giveUp(hijacker.conn, c.opts.PingInterval)
	c.begin(hijacker, entry, entry.initial(hello.Bytes()))
	return nil
}
