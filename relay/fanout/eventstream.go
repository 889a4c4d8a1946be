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

// AcceptEventStream answers the request with an event stream (HTML standard §9.2) and adds the client. It returns when
// that is begun; the error says that the connection cannot be taken over, as in HTTP/2, and was answered. The headers
// that w has are sent, too. Who may connect is for the caller to decide, before.
func (c *Clients) AcceptSSE(w http.ResponseWriter, r *http.Request, entry ClientConfig) error {
	hijacker := &hijacker{ResponseWriter: w}
	if _, _, err := hijacker.Hijack(); err != nil {
		entry.OnDisconnect(Disconnect{})
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
	c.begin(hijacker, entry, entry.hello(hello.Bytes()))
	return nil
}
