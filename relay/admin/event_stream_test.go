package admin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"wpre-relay/relay/admin"
)

func TestEventStreamSendsEachChangeOnce(t *testing.T) {
	f := newFixture(t, admin.Options{})
	f.ingest(`{"timestamp":1,"type":"post_saved","post_id":9,"post_title":"Grüße","status":"publish"}`)
	response, err := http.Get(f.url + "/api/live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	next := entryReader(t, response.Body)
	if got, want := next(), "1 relayed 1 post_saved 9 publish Grüße"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f.ingest(`{"timestamp":2,"post_title":"` + strings.Repeat("x", 5000) + `"}`)
	f.rel.CountOverwritten(2)
	for _, want := range []string{"2 relayed 1  <nil> <nil> ", "3 overwritten 2  <nil> <nil> "} {
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	close(f.stopping)
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the stream does not end when the relay stops: %v", err)
	}
}

// TestStatusPagesAreLimited connects pages at one address. A page beyond the limit gets a stream that lets it
// reconnect.
func TestStatusPagesAreLimited(t *testing.T) {
	f := newFixture(t, admin.Options{})
	const most = 32
	for range most {
		response, err := http.Get(f.url + "/api/live")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
	}
	if status, body := f.get("/api/live"); status != http.StatusOK || !strings.Contains(body, "event: rejected\n") ||
		!strings.HasPrefix(body, "retry: ") {
		t.Errorf("got %d, %q", status, body)
	}
}

// entryReader returns a function that returns the next entry of the decision history in an event stream, as text.
func entryReader(t *testing.T, stream io.Reader) (next func() string) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	var entries []admin.Entry
	return func() string {
		t.Helper()
		for name := ""; len(entries) == 0 && lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = text
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && name == "changes" {
				if err := json.Unmarshal([]byte(data), &entries); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(entries) == 0 {
			t.Fatalf("the stream has ended: %v", lines.Err())
		}
		e := entries[0]
		entries = entries[1:]
		return fmt.Sprintf("%d %s %d %s %v %v %s", e.Number, e.Decision, e.Writes, e.Type, e.PostID, e.Status, e.Title)
	}
}
