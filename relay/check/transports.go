package check

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// subprotocol is that of the relay's client.
	subprotocol = "wpre.v1"

	// transportTimeout bounds one request to a transport. The relay responds at once, and sends the first bytes of an
	// event stream with the headers.
	transportTimeout = 5 * time.Second
)

// transport is the result of trying one transport.
type transport struct {
	finding *Finding // nil if the transport works
	isRelay bool     // the response is of a relay, possibly a rejection
}

// checkTransports tries the transports of the relay's client, and its script. isRelay reports whether one of the
// responses proves that the server is a relay.
func checkTransports(ctx context.Context, relay *url.URL, page string) (findings []Finding, isRelay bool) {
	tries := []func(context.Context, *url.URL, string) transport{trySubprotocol, tryEvents, tryHistory, tryScript}
	results := make([]transport, len(tries))
	var running sync.WaitGroup
	for i, try := range tries {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, transportTimeout)
			defer cancel()
			results[i] = try(ctx, relay, page)
		})
	}
	running.Wait()
	for _, result := range results {
		isRelay = isRelay || result.isRelay
		if result.finding != nil {
			findings = append(findings, *result.finding)
		}
	}
	if len(findings) == 0 {
		text := "the relay's client gets through: WebSocket with %s, /events, /history and /client.js"
		findings = []Finding{ok("transports", fmt.Sprintf(text, subprotocol))}
	}
	return findings, isRelay
}

// failed returns a transport that does not work.
func failed(isRelay bool, text, fix string, paste ...Snippet) transport {
	finding := warn("transports", text, fix, paste...)
	return transport{&finding, isRelay}
}

// trySubprotocol opens a WebSocket as the relay's client does. A browser closes it if the response does not select the
// subprotocol (RFC 6455 §4.1).
func trySubprotocol(ctx context.Context, relay *url.URL, page string) transport {
	conn, response, err := dial(ctx, relay.String(), page, subprotocol)
	if err != nil {
		if response != nil && strings.HasPrefix(rawBody(response), messagePrefix) {
			return transport{isRelay: true}
		}
		return failed(false, fmt.Sprintf("%s does not upgrade with the subprotocol %s: %v", withoutSecrets(relay),
			subprotocol, innermost(err)), "")
	}
	defer conn.CloseNow()
	if conn.Subprotocol() != subprotocol {
		return failed(false, "a proxy removes the header Sec-WebSocket-Protocol, without which the relay's client cannot "+
			"connect", "Pass the header on, in both directions.")
	}
	return transport{isRelay: true}
}

// get requests a file or stream of the relay as a page does. Without a response of this media type, it returns a
// result instead.
func get(
	ctx context.Context, address *url.URL, page, mediaType string, header http.Header,
) (*http.Response, *transport) {
	request := (&http.Request{Method: http.MethodGet, URL: address, Header: header}).WithContext(ctx)
	header.Set("User-Agent", browserHeader["User-Agent"])
	if page != "" {
		header.Set("Origin", page)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		result := explainGetError(withoutSecrets(address), err)
		return nil, &result
	}
	got, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && got == mediaType {
		return response, nil
	}
	defer response.Body.Close()
	if text := rawBody(response); strings.HasPrefix(text, messagePrefix) &&
		response.StatusCode != http.StatusUpgradeRequired {
		return nil, &transport{isRelay: true} // a rejection, for example without a token
	}
	result := failed(false, fmt.Sprintf("%s is not of the relay: it responds with %s", withoutSecrets(address),
		response.Status), "Pass all paths below that of the WebSocket on to the relay, as proxies.md shows.")
	return nil, &result
}

// explainGetError returns the result for a request without a response.
func explainGetError(address string, err error) transport {
	if errors.Is(err, context.DeadlineExceeded) {
		return failed(false, fmt.Sprintf("%s does not respond within %s: a proxy may buffer it", address, transportTimeout),
			stopBuffering, unbuffered()...)
	}
	return failed(false, fmt.Sprintf("the request for %s failed: %v", address, innermost(err)), "")
}

// tryEvents opens an event stream, and waits for the first field, which the relay sends at once.
func tryEvents(ctx context.Context, relay *url.URL, page string) transport {
	address := httpAddress(relay, "events")
	response, result := get(ctx, address, page, "text/event-stream", http.Header{"Accept": {"text/event-stream"}})
	if result != nil {
		return *result
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "retry:") {
			return transport{isRelay: true}
		}
	}
	return failed(false, fmt.Sprintf("%s sends nothing within %s: a proxy buffers the event stream",
		withoutSecrets(address), transportTimeout), stopBuffering, unbuffered()...)
}

// tryHistory requests the history twice. The second request has an unknown position in Last-Event-ID, which the relay
// answers otherwise, but a cache does not.
func tryHistory(ctx context.Context, relay *url.URL, page string) transport {
	address := httpAddress(relay, "history")
	query := address.Query()
	query.Set("limit", "1")
	address.RawQuery = query.Encode()
	response, result := get(ctx, address, page, "application/json", http.Header{})
	if result != nil {
		return *result
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	var history struct{ Next *string }
	if err != nil || json.Unmarshal(body, &history) != nil || history.Next == nil {
		return failed(false, withoutSecrets(address)+" is not of the relay: it has no position", "")
	}
	again, result := get(ctx, address, page, "application/json", http.Header{"Last-Event-Id": {"check-1"}})
	if result != nil {
		return transport{isRelay: true}
	}
	defer again.Body.Close()
	if cached, err := io.ReadAll(io.LimitReader(again.Body, maxBody)); err == nil && bytes.Equal(cached, body) {
		return failed(true, withoutSecrets(address)+" comes from a cache, so that pages get old events although the "+
			"relay forbids it (Cache-Control: no-store)", "Do not cache the relay:", uncached(relay.Path)...)
	}
	return transport{isRelay: true}
}

// tryScript requests the relay's client, once with a query that no cache has seen.
func tryScript(ctx context.Context, relay *url.URL, page string) transport {
	address := httpAddress(relay, "client.js")
	fresh := *address
	fresh.RawQuery = fmt.Sprintf("check=%d", time.Now().UnixNano())
	var texts [2][]byte
	for i, address := range []*url.URL{&fresh, address} {
		response, result := get(ctx, address, page, "text/javascript", http.Header{})
		if result != nil {
			return *result
		}
		defer response.Body.Close()
		texts[i], _ = io.ReadAll(io.LimitReader(response.Body, maxBody))
	}
	isRelay := bytes.Contains(texts[0], []byte("wpreRelay"))
	if isRelay && !bytes.Equal(texts[0], texts[1]) {
		return failed(true, withoutSecrets(address)+" comes from a cache, and is not the client of this relay",
			"Empty the cache, and do not cache the relay:", uncached(relay.Path)...)
	}
	return transport{isRelay: isRelay}
}
