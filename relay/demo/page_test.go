package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// servePage serves the page of a site. The returned function stops the page and waits for its connections.
func servePage(t *testing.T, site *Site) (server *httptest.Server, stop func()) {
	t.Helper()
	stopping := make(chan struct{})
	page := NewPage(site, Ports{Page: "8888", Relay: "8080", Admin: "8081"}, stopping)
	server = httptest.NewServer(page)
	t.Cleanup(server.Close)
	return server, func() { close(stopping); page.Wait() }
}

// do returns the status and the body of the response to a request.
func do(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestFormSavesAsThePluginDoes(t *testing.T) {
	site := newTestSite(t)
	server, stop := servePage(t, site)
	defer stop()
	before, _ := os.Stat(site.File)
	for post := 1; post <= 2; post++ {
		status, body := do(t, "POST", server.URL+"/posts", `{"title":"Grüße","status":"draft","count":1}`)
		var saved struct{ Post int }
		if err := json.Unmarshal([]byte(body), &saved); status != 200 || err != nil || saved.Post != post {
			t.Fatalf("got %d %s, want post %d", status, body, post)
		}
		content, err := os.ReadFile(site.File)
		const lines = "\n    \"post_title\": \"Grüße\",\n    \"status\": \"draft\",\n"
		if err != nil || !strings.Contains(string(content), lines) {
			t.Fatalf("%v, the event file has %s", err, content)
		}
		after, err := os.Stat(site.File)
		if err != nil || before != nil && !os.SameFile(before, after) || after.Mode().Perm()&0o600 != 0o600 {
			t.Errorf("the event file was not written in place: %v, %v", after, err)
		}
		before = after
	}
}

func TestInvalidFormsSaveNothing(t *testing.T) {
	site := newTestSite(t)
	server, stop := servePage(t, site)
	defer stop()
	for body, want := range map[string]string{
		`no JSON`: "not valid JSON",
		`{"title":"x","status":"publish","count":0}`:                                              "count",
		`{"title":"x","status":"publish","count":11}`:                                             "count",
		`{"title":"x","status":"trash","count":1}`:                                                "status",
		`{"title":"` + strings.Repeat("ü", maxTitle+1) + `","status":"publish","count":1}`:        "title",
		`{"title":"` + strings.Repeat("x", 2*maxForm) + `","status":"publish","count":1}`:         "too large",
		`{"title":"x","status":"publish","count":1,"x":"` + strings.Repeat("x", 2*maxForm) + `"}`: "too large",
	} {
		if status, got := do(t, "POST", server.URL+"/posts", body); status != 400 || !strings.Contains(got, want) {
			t.Errorf("%.60s: got %d %s, want 400 and %q", body, status, got, want)
		}
	}
	const form = `{"title":"x","status":"publish","count":1}`
	if status, _ := do(t, "POST", server.URL+"/posts", form, "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("a form of a foreign page: got %d", status)
	}
	if _, err := os.Stat(site.File); err == nil {
		t.Error("an event was written")
	}
}

func TestPageLinksToRelayAndStatusPage(t *testing.T) {
	site := newTestSite(t)
	server, stop := servePage(t, site)
	defer stop()
	_, body := do(t, "GET", server.URL, "")
	for _, want := range []string{`data-relay="127.0.0.1:8080"`, `src="//127.0.0.1:8080/client.js"`,
		`href="//127.0.0.1:8081/"`, "Save 10 at once"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %s:\n%s", want, body)
		}
	}
	for _, file := range []string{"/page.css", "/page.js", "/icon.svg"} {
		if status, _ := do(t, "GET", server.URL+file, ""); status != 200 {
			t.Errorf("%s: %d", file, status)
		}
	}
}

// TestPageGetsTracesAndTime connects a page, which reports an event, until the demo stops.
func TestPageGetsTracesAndTime(t *testing.T) {
	site := newTestSite(t)
	server, stop := servePage(t, site)
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	exchange := func(request, response any) {
		t.Helper()
		if err := wsjson.Write(t.Context(), conn, request); err != nil {
			t.Fatal(err)
		}
		if err := wsjson.Read(t.Context(), conn, response); err != nil {
			t.Fatal(err)
		}
	}
	var first, second clock
	exchange(report{Clock: 1}, &first)
	exchange(report{Clock: 2}, &second)
	if first.Clock != 1 || second.Clock != 2 || first.Now <= 0 || second.Now < first.Now {
		t.Errorf("got the times %+v and %+v", first, second)
	}
	save(t, site, "publish")
	var message struct{ Traces []Trace }
	for len(message.Traces) == 0 || len(message.Traces[0].Receipts) == 0 {
		message.Traces = nil
		exchange(report{Post: 1, At: second.Now + 1e9, Error: 50}, &message)
	}
	got := message.Traces[0]
	if got.Post != 1 || got.Pages != 1 || len(got.Receipts) != 1 || got.Receipts[0].Error != .05 {
		t.Errorf("got %+v", got)
	}
	stop()
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("the page is connected after the stop")
	}
}
