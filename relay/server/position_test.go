package server_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

// TestStreamBeginsAtTheRequestedPosition asks for positions in every way, and in several ways at once.
func TestStreamBeginsAtTheRequestedPosition(t *testing.T) {
	log := logWith(t, 9, eventlog.Options{Records: 6}) // 4 to 9 are kept
	_, address := serve(t, log, 0, server.Options{})
	at := func(seq int) string { return fmt.Sprintf("%s-%d", log.Epoch(), seq) }
	gap := func(since, until, missing string) string {
		return fmt.Sprintf(`{"since":"%s","until":"%s"%s}`, since, until, missing)
	}
	for _, tc := range []struct {
		query, header string
		first         string // data of the first event or gap; "": the next live event
	}{
		{"", "", ""},
		{"?since=now", "", `{"id":"` + at(9) + `"}`},
		{"?since=" + at(6), "", document(7)},
		{"?last_event_id=" + at(6), "", document(7)},
		{"?last=2", "", document(8)},
		{"?last=0", "", ""},
		{"?last=6", "", document(4)},
		{"?last=2&since=" + at(6), "", document(7)},
		{"?since=" + at(4) + "&last_event_id=" + at(6), "", document(7)},
		{"?since=" + at(4), at(6), document(7)},
		{"?last=3", at(9), ""},
		{"?since=" + at(1), "", gap(at(1), at(3), `,"missing":2`)},
		{"?last=8", "", gap(at(1), at(3), `,"missing":2`)},
		{"?since=other-1", "", gap("other-1", at(3), "")},
		{"?since=" + at(99), "", gap(at(99), at(9), "")},
	} {
		until := cmp.Or(tc.first, "id: "+at(9)+"\n\n")
		response, body := request(t, "GET", "http://"+address+"/events"+tc.query, until, "Last-Event-ID", tc.header)
		if response.Header.Get("X-Accel-Buffering") != "no" || !strings.HasPrefix(body, "retry: ") {
			t.Errorf("%s: %v, %q", tc.query, response.Header, body)
		}
		before, _, _ := strings.Cut(body, "data: "+until)
		gaps := strings.Count(before, "event: gap")
		if strings.Contains(before, "timestamp") || strings.Contains(before, "gap") && gaps != 1 {
			t.Errorf("%s, header %q: got %q before %s", tc.query, tc.header, before, until)
		}
	}
}

// TestEventStreamWithUnknownIDGetsGap resumes after the ids of another server.
func TestEventStreamWithUnknownIDGetsGap(t *testing.T) {
	log := logWith(t, 3, eventlog.Options{})
	_, address := serve(t, log, 0, server.Options{})
	gap := fmt.Sprintf(`{"since":"unknown-0","until":"%s-0"}`, log.Epoch())
	for _, id := range []string{"42", "x", "-1", "unknown-0", "a--1", "ü", strings.Repeat("x", 500) + "-1"} {
		response, body := request(t, "GET", "http://"+address+"/events", document(3), "Last-Event-ID", id,
			"Accept", "text/event-stream")
		if response.StatusCode != 200 || !strings.Contains(body, "event: gap") || !strings.Contains(body, gap) ||
			!strings.Contains(body, document(1)) {
			t.Errorf("%q: got %s, %q", id, response.Status, body)
		}
	}
}

func TestInvalidPositionsGet400(t *testing.T) {
	srv, address := serve(t, logWith(t, 1, eventlog.Options{}), 0, server.Options{})
	paths := []string{"/events?since=x", "/events?last=-1", "/events?last=many", "/events?last_event_id=a--1",
		"/history?since=1", "/history?limit=0", "/history?limit=1001", "/history?limit=x"}
	for _, path := range paths {
		response, body := request(t, "GET", "http://"+address+path, "")
		if response.StatusCode != 400 || !strings.HasPrefix(body, "wpre-relay: ") {
			t.Errorf("%s: %s, %q", path, response.Status, body)
		}
	}
	_, response, err := dial(t, "ws://"+address+"/?since=x", nil)
	if err == nil || response == nil || response.StatusCode != 400 {
		t.Errorf("handshake with since=x: %v", err)
	}
	if got := srv.Status().Rejected["position"]; got != uint64(len(paths)+1) {
		t.Errorf("%d rejections, want %d", got, len(paths)+1)
	}
}
