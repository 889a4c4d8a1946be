//go:build linux

package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// reader is a client of TestSoak that ends its connection at random moments and resumes. It checks each message.
type reader struct {
	t      *testing.T
	on     *soaked
	kind   string
	client *http.Client
	header http.Header

	since    schema.Position  // position of the last message
	last     map[string]int64 // by type, the number of the last event
	afterGap bool             // the last message was a gap

	messages, connections, gaps, lost, twice, disordered int
}

// soakReaders counts the clients, because each connects from its own address.
var soakReaders atomic.Int32

// newReader returns a client that begins after the first event of a relay.
func newReader(t *testing.T, on *soaked, kind string) *reader {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(soakReaders.Add(1)))}}
	if kind == "slow" {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, occupyReceiveBuffer)
			})
		}
	}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	return &reader{t: t, on: on, kind: kind, client: &http.Client{Transport: transport}, header: make(http.Header),
		since: on.begin, last: map[string]int64{"post_saved": 1}}
}

// hasAll reports whether the client has the last event.
func (r *reader) hasAll() bool {
	end := r.on.end.Load()
	return end > 0 && (r.since.Seq >= end || r.kind == "page")
}

// run connects until the client has the last event or the test has failed.
func (r *reader) run() {
	defer r.on.done.Add(1)
	for !r.t.Failed() && !r.hasAll() {
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*testwait.Limit)
		r.connect(ctx, cancel)
		cancel()
		time.Sleep(rand.N(50 * time.Millisecond))
	}
}

// stay counts a connection and ends it after a random time. The time before, in which the client waits for the relay,
// does not count: a busy machine takes long to accept it.
func (r *reader) stay(end func()) {
	r.connections++
	switch {
	case r.kind == "slow" || r.kind == "expiring": // stays to fall behind, or until the token expires
	case rand.IntN(8) == 0:
		time.AfterFunc(rand.N(20*time.Second), end)
	default:
		time.AfterFunc(rand.N(2*time.Second), end)
	}
}

// connect reads over one connection until the client or the relay ends it.
func (r *reader) connect(ctx context.Context, end func()) {
	switch r.kind {
	case "events":
		r.readEvents(ctx, end)
	case "history":
		r.readHistory(ctx)
	default:
		r.readMessages(ctx, end)
	}
}

// readMessages reads over a WebSocket.
func (r *reader) readMessages(ctx context.Context, end func()) {
	options := &websocket.DialOptions{HTTPClient: r.client, HTTPHeader: r.header.Clone()}
	options.Subprotocols = []string{"wpre.v1"}
	address := "ws://" + r.on.address + "/?since=" + r.since.String()
	switch r.kind {
	case "token":
		options.HTTPHeader.Set("Authorization", "Bearer "+r.on.token("1000h"))
	case "expiring": // the relay accepts it for 10 seconds, and then the client as the public
		options.HTTPHeader.Set("Authorization", "Bearer "+r.on.token("1ms"))
	case "page":
		options.Subprotocols, address = nil, "ws://"+r.on.address+"/"
		clear(r.last) // the relay repeats what the page may not have received
	}
	conn, response, err := websocket.Dial(ctx, address, options)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	r.stay(end)
	for _, cookie := range response.Cookies() {
		r.header.Set("Cookie", cookie.Name+"="+cookie.Value)
	}
	for !r.hasAll() {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if r.kind == "page" {
			text = append(append([]byte(`{"event":`), text...), '}')
		}
		r.receive(text)
		if r.kind == "slow" && r.on.end.Load() == 0 {
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// get requests a path.
func (r *reader) get(ctx context.Context, path string) (io.ReadCloser, bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.on.address+path, nil)
	if err != nil {
		r.t.Error(err)
		return nil, false
	}
	if path == "/events" {
		request.Header.Set("Accept", "text/event-stream")
		request.Header.Set("Last-Event-ID", r.since.String())
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, false
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
	}
	return answer.Body, answer.StatusCode == http.StatusOK
}

// readEvents reads an event stream.
func (r *reader) readEvents(ctx context.Context, end func()) {
	body, ok := r.get(ctx, "/events")
	if !ok {
		return
	}
	defer body.Close()
	r.stay(end)
	fields := make(map[string]string)
	for lines := bufio.NewScanner(body); lines.Scan() && !r.hasAll(); {
		if name, value, found := strings.Cut(lines.Text(), ": "); found {
			fields[name] = value
			continue
		}
		switch data := fields["data"]; {
		case data != "" && fields["event"] == "":
			r.receive([]byte(`{"id":"` + fields["id"] + `","event":` + data + `}`))
		case fields["event"] == "gap":
			r.receive([]byte(`{"gap":` + data + `}`))
		}
		clear(fields)
	}
}

// readHistory reads one page of /history.
func (r *reader) readHistory(ctx context.Context) {
	body, ok := r.get(ctx, "/history?since="+r.since.String())
	if !ok {
		return
	}
	defer body.Close()
	r.connections++
	var page struct {
		Gap    json.RawMessage
		Events []json.RawMessage
		Next   schema.Position
	}
	if json.NewDecoder(body).Decode(&page) != nil {
		return // the relay was killed in the middle
	}
	if page.Gap != nil {
		r.receive([]byte(`{"gap":` + string(page.Gap) + `}`))
	}
	for _, event := range page.Events {
		r.receive(event)
	}
	r.since = page.Next
}
