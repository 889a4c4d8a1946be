//go:build linux

package integration_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// publishToken is what events are published with, in tests.
const publishToken = "0123456789abcdef0123456789abcdef"

// publish hands an event over and returns what is answered.
func (p *process) publish(authorization, document string) (status int, body string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.admin+"/publish", strings.NewReader(document))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

// TestEventsAreTakenOverHTTP publishes to a relay that watches nothing, and to one that watches a file as well.
func TestEventsAreTakenOverHTTP(t *testing.T) {
	s := newSite(t)
	beside := s.start("--publish-token", publishToken, "--max-event-size", "1KiB")
	alone := launch(t, command(t, "--publish-token", publishToken, "--state-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--max-event-size", "1KiB", "--log-format", "json", "--log-level", "debug"))
	for name, p := range map[string]*process{"alone": alone, "beside a file": beside} {
		conn := p.dial()
		for _, tc := range []struct {
			authorization, document string
			status                  int
			body                    string
		}{
			{"Bearer " + publishToken, `{"timestamp":1, "type":"called"}`, 200, `{"decision":"relayed"}`},
			{"bearer " + publishToken, `{"timestamp":1,"type":"called"}`, 200, `{"decision":"duplicate"}`},
			{"Bearer " + publishToken, `{"timestamp":2}`, 200, `{"decision":"relayed"}`},
			{"Bearer " + publishToken, `{"type":"called"}`, 400, "timestamp"},
			{"Bearer " + publishToken, `{"timestamp":3}{"timestamp":4}`, 400, "more than one document"},
			{"Bearer " + publishToken, ``, 400, "no event"},
			{"Bearer " + publishToken, `{"timestamp":5,"x":"` + strings.Repeat("x", 1024) + `"}`, 413, "--max-event-size"},
			{"Bearer " + publishToken[1:], `{"timestamp":6}`, 401, "--publish-token"},
			{"Basic " + publishToken, `{"timestamp":6}`, 401, "--publish-token"},
			{"", `{"timestamp":6}`, 401, "--publish-token"},
		} {
			if status, body := p.publish(tc.authorization, tc.document); status != tc.status || !strings.Contains(body, tc.body) {
				t.Errorf("%s: %.60s is answered with %d %s, want %d and %s", name, tc.document, status, body, tc.status, tc.body)
			}
		}
		expect(t, conn, `{"timestamp":1,"type":"called"}`)
		expect(t, conn, `{"timestamp":2}`)
		if p == beside {
			s.write(7)
			expect(t, conn, document(7))
		}
		if strings.Contains(p.log.String(), publishToken) {
			t.Errorf("the secret is in the log:\n%s", p.log.String())
		}
	}
	if status, body := newSite(t).start().publish("Bearer "+publishToken, `{"timestamp":1}`); status != http.StatusMethodNotAllowed {
		t.Errorf("without --publish-token the answer is %d %s", status, body)
	}
}

// TestWhatWasPublishedIsThereAfterAKill wants what was answered to be on the disk.
func TestWhatWasPublishedIsThereAfterAKill(t *testing.T) {
	s := newSite(t)
	p := s.start("--publish-token", publishToken)
	if status, body := p.publish("Bearer "+publishToken, document(1)); status != http.StatusOK {
		t.Fatalf("it is answered with %d %s", status, body)
	}
	p.cmd.Process.Kill()
	<-p.ended
	if events := s.journal(); len(events) != 1 || events[0] != 1 {
		t.Errorf("the journal holds events %v, want the one that was published", events)
	}
}

// TestWhatClientsSayGoesToTheSite forwards the messages of clients that may say something.
func TestWhatClientsSayGoesToTheSite(t *testing.T) {
	got := make(chan string, 10)
	wordpress := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got <- user + ":" + password + " " + r.URL.Path + " " + string(text)
	}))
	defer wordpress.Close()
	url := strings.Replace(wordpress.URL, "://", "://bot:abcd%20efgh@", 1) + "/wp-json/said"
	say := func(p *process, query, text string) {
		t.Helper()
		conn, _, err := websocket.Dial(t.Context(), "ws://"+p.address+"/"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		conn.Close(websocket.StatusNormalClosure, "") // by its answer, what came before has been read
	}
	want := func(text string) {
		t.Helper()
		select {
		case said := <-got:
			if said != text {
				t.Errorf("the site got %s, want %s", said, text)
			}
		case <-time.After(patience):
			t.Errorf("the site got nothing, want %s", text)
		}
	}
	all := newSite(t).start("--peer-messages", "--forward-url", url)
	say(all, "", "Hello from WordPress frontend!")
	want(`bot:abcd efgh /wp-json/said {"text":"Hello from WordPress frontend!"}`)

	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(publishToken), 0o600); err != nil {
		t.Fatal(err)
	}
	some := newSite(t).start("--jwt-key", key, "--allow-anonymous", "--forward-url", url)
	say(some, "", "by nobody")
	say(some, "?access_token="+mint(t, "--jwt-key", key, "--subject", "7"), "by one who may not")
	say(some, "?access_token="+mint(t, "--jwt-key", key, "--subject", "8", "--claim", "forward=true"), "by one who may")
	want(`bot:abcd efgh /wp-json/said {"text":"by one who may","client":"8"}`)
}
