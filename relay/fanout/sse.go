package fanout

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// An SSE client reconnects at least minRetry after the end of its stream. The delay is random, up to retryJitter
// longer, so that clients do not reconnect all at once.
const (
	minRetry    = time.Second
	retryJitter = 2 * time.Second
)

// AcceptSSE answers the request with Server-Sent Events (HTML standard §9.2) and adds the client. It sends the
// headers that are set in w, too. If it returns an error, the client was never connected: the connection cannot be
// hijacked, as with HTTP/2. AcceptSSE has then answered the request, and OnDisconnect is not called. The caller
// decides before who may connect.
func (c *Clients) AcceptSSE(w http.ResponseWriter, r *http.Request, cfg ClientConfig) error {
	hijacker := &hijacker{ResponseWriter: w}
	if err := hijacker.hijack(); err != nil {
		http.Error(w, "wpre-relay: an event stream needs HTTP/1", http.StatusHTTPVersionNotSupported)
		return fmt.Errorf("hijack connection: %w", err)
	}
	setUserTimeout(hijacker.conn, c.opts.PingInterval)
	c.connect(hijacker, cfg, cfg.initial(sseResponse(w.Header(), cfg)))
	return nil
}

// sseResponse returns the beginning of the response: the headers, and the first fields of the stream. They are not
// an event, because they have no data. The id is the client's position, or that before the gap until the gap notice
// has arrived.
func sseResponse(header http.Header, cfg ClientConfig) []byte {
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx must not buffer events
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Connection", "close") // the response has no length: it ends with the connection
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	id := cfg.Position
	if cfg.Gap != nil {
		id = cfg.Gap.Since
	}
	retry := minRetry + rand.N(retryJitter)
	var response bytes.Buffer
	response.WriteString("HTTP/1.1 200 OK\r\n")
	header.Write(&response)
	fmt.Fprintf(&response, "\r\nretry: %d\nid: %s\n\n", retry.Milliseconds(), id)
	return response.Bytes()
}
