//go:build linux

package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
)

// publish sends a document to POST /publish and returns the response. The relay rejects events while a sync of its
// journal takes longer than 1 s, which it may on a busy disk; publish then repeats the request.
func (r *relay) publish(authorization, document string) (status int, body string) {
	r.t.Helper()
	header := http.Header{"Authorization": {authorization}}
	testwait.Until(func() bool {
		status, body = do(r.t, http.MethodPost, "http://"+r.admin+"/publish", header, document)
		return status != http.StatusServiceUnavailable || !strings.Contains(body, "the state directory's file system hangs")
	})
	return status, body
}

// publishCases are requests to a relay with --publish-token and --max-event-size 1KiB, in this order.
var publishCases = []struct {
	authorization, document string
	status                  int
	body                    string // part of the body
}{
	{"Bearer " + secret, `{"timestamp":1, "type":"called"}`, 200, `{"decision":"relayed"}`},
	{"bearer " + secret, `{"timestamp":1,"type":"called"}`, 200, `{"decision":"duplicate"}`},
	{"Bearer " + secret, `{"timestamp":2}`, 200, `{"decision":"relayed"}`},
	{"Bearer " + secret, `{"type":"called"}`, 400, "timestamp"},
	{"Bearer " + secret, `{"timestamp":3}{"timestamp":4}`, 400, "more than one document"},
	{"Bearer " + secret, ``, 400, "invalid event"},
	{"Bearer " + secret, `{"timestamp":5,"x":"` + strings.Repeat("x", 1024) + `"}`, 413, "--max-event-size"},
	{"Bearer " + secret[1:], `{"timestamp":6}`, 401, "--publish-token"},
	{"Basic " + secret, `{"timestamp":6}`, 401, "--publish-token"},
	{"", `{"timestamp":6}`, 401, "--publish-token"},
}

// publishAll sends all cases and compares the responses. It returns a client that has got the published events.
func publishAll(t *testing.T, r *relay) *websocket.Conn {
	t.Helper()
	conn := r.dial()
	for _, tc := range publishCases {
		status, body := r.publish(tc.authorization, tc.document)
		if status != tc.status || !strings.Contains(body, tc.body) {
			t.Errorf("%q, %.60s: the response is %d %s, want %d and %s", tc.authorization, tc.document, status, body,
				tc.status, tc.body)
		}
	}
	expect(t, conn, `{"timestamp":1,"type":"called"}`)
	expect(t, conn, `{"timestamp":2}`)
	if strings.Contains(r.log.String(), secret) {
		t.Errorf("the log contains the secret:\n%s", r.log.String())
	}
	return conn
}

func TestPublishWithoutEventFile(t *testing.T) {
	t.Parallel()
	publishAll(t, start(t, relayCommand(t, "--publish-token", secret, "--state-dir", t.TempDir(),
		"--max-event-size", "1KiB", "--log-level", "debug")))
}

func TestPublishBesideEventFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	conn := publishAll(t, s.start("--publish-token", secret, "--max-event-size", "1KiB"))
	s.write(7)
	expect(t, conn, document(7))
}

func TestPublishNeedsToken(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	if status, body := r.publish("Bearer "+secret, document(1)); status != http.StatusMethodNotAllowed {
		t.Errorf("without --publish-token the response is %d %s", status, body)
	}
}

// TestPublishedEventSurvivesKill kills the relay right after its response.
func TestPublishedEventSurvivesKill(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start("--publish-token", secret)
	if status, body := r.publish("Bearer "+secret, document(1)); status != http.StatusOK {
		t.Fatalf("the response is %d %s", status, body)
	}
	r.kill()
	if events := s.journal(); len(events) != 1 || events[0] != 1 {
		t.Errorf("the journal holds events %v, want the published one", events)
	}
}
