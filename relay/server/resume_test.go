package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/schema"
)

// filled returns a log of n events, with timestamps from 1.
func filled(t testing.TB, n int, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	log := openLog(t, t.TempDir(), opts)
	for i := 1; i <= n; i++ {
		log.Append(event(t, fmt.Sprintf(`{"timestamp":%d}`, i)))
	}
	return log
}

// request makes a request with headers, given as pairs, and returns the answer to a GET, or the beginning of a stream
// as far as the given text.
func request(t testing.TB, method, url, until string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if until == "" {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(body)
	}
	var body strings.Builder
	for buf := make([]byte, 512); !strings.Contains(body.String(), until); {
		n, err := response.Body.Read(buf)
		body.Write(buf[:n])
		if err != nil {
			t.Fatalf("%q does not come: %v, after %q", until, err, body.String())
		}
	}
	return response, body.String()
}

// TestAStreamBeginsWhereItIsAskedTo gives positions in all the ways there are, of which the later ones count less.
func TestAStreamBeginsWhereItIsAskedTo(t *testing.T) {
	log := filled(t, 9, eventlog.Options{Records: 6}) // 4 to 9 are kept
	_, address := serve(t, log, 0, server.Options{})
	at := func(seq int) string { return fmt.Sprintf("%s-%d", log.Epoch(), seq) }
	for _, tc := range []struct {
		query, header string
		first         string // what comes first of events and gaps; "" for the next live one
	}{
		{"", "", ""},
		{"?since=now", "", `{"id":"` + at(9) + `"}`},
		{"?since=" + at(6), "", `{"timestamp":7}`},
		{"?last_event_id=" + at(6), "", `{"timestamp":7}`},
		{"?last=2", "", `{"timestamp":8}`},
		{"?last=0", "", ""},
		{"?last=6", "", `{"timestamp":4}`},
		{"?last=2&since=" + at(6), "", `{"timestamp":7}`},
		{"?since=" + at(4) + "&last_event_id=" + at(6), "", `{"timestamp":7}`},
		{"?since=" + at(4), at(6), `{"timestamp":7}`},
		{"?last=3", at(9), ""},
		{"?since=" + at(1), "", `{"since":"` + at(1) + `","until":"` + at(3) + `","missing":2}`},
		{"?last=8", "", `{"since":"` + at(1) + `","until":"` + at(3) + `","missing":2}`},
		{"?since=other-1", "", `{"since":"other-1","until":"` + at(3) + `"}`},
		{"?since=" + at(99), "", `{"since":"` + at(99) + `","until":"` + at(9) + `"}`},
	} {
		header := []string{}
		if tc.header != "" {
			header = []string{"Last-Event-ID", tc.header}
		}
		until := tc.first
		if until == "" {
			until = "id: " + at(9) + "\n\n"
		}
		response, body := request(t, "GET", "http://"+address+"/events"+tc.query, until, header...)
		if response.Header.Get("X-Accel-Buffering") != "no" || !strings.HasPrefix(body, "retry: ") {
			t.Errorf("%s: %v, %q", tc.query, response.Header, body)
		}
		before, _, _ := strings.Cut(body, "data: "+until)
		if strings.Contains(before, "timestamp") || strings.Contains(before, "gap") && strings.Count(body, "event: gap") != 1 {
			t.Errorf("%s, %s: before %s comes %q", tc.query, tc.header, until, before)
		}
	}
}

func TestWhatIsNoPositionGets400(t *testing.T) {
	_, address := serve(t, filled(t, 1, eventlog.Options{}), 0, server.Options{})
	for _, path := range []string{"/events?since=x", "/events?last=-1", "/events?last=many", "/events?last_event_id=a--1",
		"/history?since=1", "/history?limit=0", "/history?limit=1001", "/history?limit=x"} {
		if response, body := request(t, "GET", "http://"+address+path, ""); response.StatusCode != 400 || !strings.HasPrefix(body, "wpre-relay: ") {
			t.Errorf("%s: %s, %q", path, response.Status, body)
		}
	}
	if _, response, err := dial(t, "ws://"+address+"/?since=x", nil); err == nil || response == nil || response.StatusCode != 400 {
		t.Errorf("a handshake with since=x: %v", err)
	}
}

func TestOnlyPagesThatMayReadStreamsAndHistory(t *testing.T) {
	_, address := serve(t, filled(t, 1, eventlog.Options{}), 0, server.Options{})
	own := "http://" + strings.Split(address, ":")[0] + ":8888"
	for _, path := range []string{"/events", "/history", "/behind/a/proxy/history"} {
		if response, _ := request(t, "GET", "http://"+address+path, "", "Origin", "https://evil.example"); response.StatusCode != 403 {
			t.Errorf("%s for another's page: %s", path, response.Status)
		}
		response, _ := request(t, "OPTIONS", "http://"+address+path, "", "Origin", own)
		if got := response.Header.Get("Access-Control-Allow-Headers"); response.StatusCode != 204 || !strings.Contains(got, "Last-Event-ID") {
			t.Errorf("%s: before a request: %s, %q", path, response.Status, got)
		}
		if response, _ := request(t, "POST", "http://"+address+path, ""); response.StatusCode != 405 || response.Header.Get("Allow") == "" {
			t.Errorf("POST %s: %s", path, response.Status)
		}
	}
	response, _ := request(t, "GET", "http://"+address+"/history", "", "Origin", own)
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != own || response.Header.Get("Vary") != "Origin" {
		t.Errorf("for its own page /history says it is for %q", got)
	}
}

// TestTheHistoryIsReadPageByPage goes on where each page says, until there is no more.
func TestTheHistoryIsReadPageByPage(t *testing.T) {
	log := filled(t, 40, eventlog.Options{Records: 25, MemoryRecords: 4})
	_, address := serve(t, log, 0, server.Options{})
	type page struct {
		Events []struct {
			ID    schema.Position
			Time  time.Time
			Event struct{ Timestamp uint64 }
		}
		Gap  *struct{ Missing int }
		Next string
		More bool
	}
	get := func(query string) (p page) {
		t.Helper()
		_, body := request(t, "GET", "http://"+address+"/history?"+query, "")
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		return p
	}
	if p := get("limit=3"); len(p.Events) != 3 || p.Events[0].ID.Seq != 38 || p.More || p.Gap != nil {
		t.Errorf("the newest three are %+v", p)
	}
	if p := get(""); len(p.Events) != 25 || p.Gap != nil {
		t.Errorf("all that is kept are %d events, %v", len(p.Events), p.Gap)
	}
	var got []uint64
	next := log.Epoch() + "-0"
	for pages := 0; ; pages++ {
		p := get("limit=4&since=" + next)
		if (p.Gap != nil) != (pages == 0) || pages == 0 && p.Gap.Missing != 15 {
			t.Errorf("page %d tells of %+v", pages, p.Gap)
		}
		for _, e := range p.Events {
			if e.Event.Timestamp != e.ID.Seq || e.Time.IsZero() {
				t.Errorf("event %+v", e)
			}
			got = append(got, e.ID.Seq)
		}
		if next = p.Next; !p.More {
			break
		}
	}
	if len(got) != 25 || got[0] != 16 || got[24] != 40 || !slices.IsSorted(got) {
		t.Errorf("got %v, want 16 to 40", got)
	}
}

// visit connects as a page does whose browser has the given cookie.
func visit(t testing.TB, address, cookie string, header ...string) (*websocket.Conn, *http.Cookie) {
	t.Helper()
	h := http.Header{"Cookie": {cookie}}
	for pair := range slices.Chunk(header, 2) {
		h.Set(pair[0], pair[1])
	}
	conn, response, err := dial(t, "ws://"+address, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		return conn, cookie
	}
	return conn, nil
}

func TestTheCookieIsSafe(t *testing.T) {
	for name, tc := range map[string]struct {
		header []string
		secure bool
	}{
		"plain":      {nil, false},
		"behind TLS": {[]string{"X-Forwarded-Proto", "https"}, true},
	} {
		_, address := serve(t, filled(t, 0, eventlog.Options{}), 0, server.Options{ResumeFile: filepath.Join(t.TempDir(), "resume.json")})
		_, cookie := visit(t, address, "", tc.header...)
		switch {
		case cookie == nil:
			t.Errorf("%s: no cookie", name)
		case !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure != tc.secure || cookie.Path != "/" || cookie.MaxAge != 0 || !cookie.Expires.IsZero():
			t.Errorf("%s: %v", name, cookie)
		}
		if _, again := visit(t, address, cookie.Name+"="+cookie.Value); again != nil {
			t.Errorf("%s: a known browser gets another cookie", name)
		}
	}
	_, address := serve(t, filled(t, 0, eventlog.Options{}), 0, server.Options{})
	if _, cookie := visit(t, address, ""); cookie != nil {
		t.Errorf("a cookie without --resume-cookie: %v", cookie)
	}
}

// TestTabsOfABrowserAreServedEachOnce cuts one of two tabs, and closes another page in good order.
func TestTabsOfABrowserAreServedEachOnce(t *testing.T) {
	log := filled(t, 0, eventlog.Options{})
	srv, address := serve(t, log, 0, server.Options{ResumeFile: filepath.Join(t.TempDir(), "resume.json")})
	appendOne := func(n int) { log.Append(event(t, fmt.Sprintf(`{"timestamp":%d}`, n))) }
	expect := func(conn *websocket.Conn, n int) {
		t.Helper()
		if got, want := read(t, conn), fmt.Sprintf(`{"timestamp":%d}`, n); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	left := func(clients int) {
		t.Helper()
		for deadline := time.Now().Add(patience); srv.Status().Clients > clients; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a client does not leave")
			}
		}
	}
	first, cookie := visit(t, address, "")
	jar := cookie.Name + "=" + cookie.Value
	second, _ := visit(t, address, jar)
	closed, _ := visit(t, address, jar)
	appendOne(1)
	for _, conn := range []*websocket.Conn{first, second, closed} {
		expect(conn, 1)
	}
	closed.Close(websocket.StatusGoingAway, "") // as a browser does when the page is left
	left(2)
	second.CloseNow()
	left(1)
	appendOne(2)
	expect(first, 2)
	back, _ := visit(t, address, jar)
	expect(back, 2)
	fresh, _ := visit(t, address, jar) // nobody's end is left
	appendOne(3)
	for _, conn := range []*websocket.Conn{first, back, fresh} {
		expect(conn, 3)
	}
}

// TestWhatWasFoundIsNotSentTwiceToOneThatWasCut connects again and again soon after the start.
func TestWhatWasFoundIsNotSentTwiceToOneThatWasCut(t *testing.T) {
	log := filled(t, 1, eventlog.Options{})
	srv, address := serve(t, log, 0, server.Options{CatchUp: time.Hour})
	first, _ := visit(t, address, "")
	tab, _ := visit(t, address, "")
	other, _ := visit(t, address, "", "User-Agent", "another")
	for _, conn := range []*websocket.Conn{first, tab, other} {
		if got := read(t, conn); got != `{"timestamp":1}` {
			t.Fatalf("got %s", got)
		}
	}
	first.CloseNow()
	for deadline := time.Now().Add(patience); srv.Status().Clients > 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	again, _ := visit(t, address, "")
	third, _ := visit(t, address, "", "User-Agent", "a third")
	log.Append(event(t, `{"timestamp":2}`))
	if got := read(t, again); got != `{"timestamp":2}` {
		t.Errorf("one that was cut gets %s again", got)
	}
	if got := read(t, third); got != `{"timestamp":1}` {
		t.Errorf("one that comes first gets %s", got)
	}
}

// TestWhoIsAheadOfARelayThatHasLostItsBrokerIsSentAway lets the relay find out as late as it may with any engine: a client that
// was told before that there is nothing more would be given an event again.
func TestWhoIsAheadOfARelayThatHasLostItsBrokerIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlog.NewMirror(schema.Position{Epoch: "one", Seq: 1}, eventlog.Options{})
		begun := time.Now()
		const slowest = 6500 * time.Millisecond // RabbitMQ: one and a half heartbeats, and half a second to hang up
		srv := server.New(log.Reader, 0, server.Options{Logger: quiet, Behind: func() bool { return time.Since(begun) >= slowest }})
		answer := httptest.NewRecorder()
		srv.ServeHTTP(answer, httptest.NewRequest("GET", "/history?since=one-2", nil))
		if took := time.Since(begun); answer.Code != http.StatusServiceUnavailable || took > 10*time.Second {
			t.Errorf("after %v the answer is %d %s", took, answer.Code, answer.Body)
		}
	})
}
