package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// newTestServer returns a server of a log with 10 events, the last two of which are catch-up events.
func newTestServer(t *testing.T) *Server {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	for range 10 {
		ev, _, err := schema.Decode([]byte(`{"timestamp":1}`), 0)
		if err != nil {
			t.Fatal(err)
		}
		log.Append(ev)
	}
	file := filepath.Join(t.TempDir(), "resume.json")
	return New(log.Reader, 8, Options{Logger: quiet, CatchUp: time.Hour, ResumeFile: file, MaxClientsPerIP: 10})
}

// order is an order in which fanout accepts a client, fails, and calls OnDisconnect.
type order struct {
	accepts     bool // accept returns nil
	disconnects bool // OnDisconnect is called
	early       bool // OnDisconnect is called before accept returns
	endedBy     fanout.EndedBy
}

var orders = map[string]order{
	"accept fails":                    {},
	"client stays":                    {accepts: true},
	"lost after accept":               {accepts: true, disconnects: true, endedBy: fanout.ConnectionLost},
	"lost before accept returns":      {accepts: true, disconnects: true, early: true, endedBy: fanout.ConnectionLost},
	"client closes after accept":      {accepts: true, disconnects: true, endedBy: fanout.EndedByClient},
	"client closes before it returns": {accepts: true, disconnects: true, early: true, endedBy: fanout.EndedByClient},
	"relay closes after accept":       {accepts: true, disconnects: true, endedBy: fanout.EndedByRelay},
	"relay closes before it returns":  {accepts: true, disconnects: true, early: true, endedBy: fanout.EndedByRelay},
}

// play connects a client in this order and returns its configuration.
func (o order) play(s *Server, r *http.Request, format fanout.Format) (config fanout.ClientConfig) {
	end := fanout.Disconnect{Transport: fanout.WebSocketTransport, EndedBy: o.endedBy, LastDelivered: 9}
	end.Reason = fanout.CloseStop
	if format == fanout.SSE {
		end.Transport = fanout.SSETransport
	}
	accept := func(_ http.ResponseWriter, _ *http.Request, cfg fanout.ClientConfig) error {
		config = cfg
		if o.early {
			cfg.OnDisconnect(end)
		}
		if !o.accepts {
			return errors.New("no upgrade")
		}
		return nil
	}
	req := request{httptest.NewRecorder(), r, s.opts.Proxies.Client(r)}
	s.connect(req, fanout.ClientConfig{Format: format}, accept)
	if o.disconnects && !o.early {
		config.OnDisconnect(end)
	}
	return config
}

// state is everything that a connection may change in the server, and the client's start.
type state struct {
	begin       uint64 // sequence number
	replay      bool   // gets the catch-up events
	slots       int
	closes      string // labels and counts
	lost        string // lastDelivered of the lost connections
	served      int    // visitors that got the catch-up events
	failedCount uint64
}

func stateOf(s *Server, config fanout.ClientConfig) state {
	var lost []uint64
	for e := s.sessions.byAge.Front(); e != nil; e = e.Next() {
		lost = append(lost, e.Value.(lostConnection).lastDelivered)
	}
	return state{
		begin:       config.Position.Seq,
		replay:      config.Replay != nil,
		slots:       s.admission.clients,
		closes:      fmt.Sprint(s.Status().Closed),
		lost:        fmt.Sprint(lost),
		served:      len(s.catchUp.served),
		failedCount: s.Status().Rejected["handshake"],
	}
}

// expected returns the state after an order. takes is the lastDelivered of the lost connection that the client
// resumes, or 0.
func (o order) expected(format fanout.Format, takes uint64) state {
	want := state{begin: 10, replay: true, slots: 1, closes: "map[]", lost: "[]"}
	if takes != 0 {
		want.begin, want.replay = takes, false
	}
	switch {
	case !o.accepts:
		want.slots, want.failedCount = 0, 1
		if takes != 0 {
			want.lost = fmt.Sprint([]uint64{takes})
		}
	case o.disconnects:
		want.slots, want.closes = 0, "map[1001:1]"
		if format == fanout.SSE {
			want.closes = "map[none:1]"
		} else if o.endedBy != fanout.EndedByClient {
			want.lost = "[9]"
		}
		if takes == 0 {
			want.served = 1
		}
	}
	return want
}

// TestEveryOrderOfAcceptFailureAndClose connects a browser that has a lost connection, one without, and an SSE
// client.
func TestEveryOrderOfAcceptFailureAndClose(t *testing.T) {
	const cookie = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for name, order := range orders {
		for _, client := range []struct {
			name   string
			format fanout.Format
			lost   uint64
		}{
			{"lost connection", fanout.Acked, 5},
			{"new session", fanout.Acked, 0},
			{"SSE", fanout.SSE, 0},
		} {
			s := newTestServer(t)
			r := httptest.NewRequest("GET", "/", nil)
			if client.lost != 0 {
				s.sessions.add(lostConnection{cookie, client.lost, time.Now()})
				r.Header.Set("Cookie", cookieName+"="+cookie)
			}
			got := stateOf(s, order.play(s, r, client.format))
			if want := order.expected(client.format, client.lost); got != want {
				t.Errorf("%s, %s:\n got %+v\nwant %+v", name, client.name, got, want)
			}
		}
	}
}
