package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

// slowReader is a client that does not read its response until it is released.
type slowReader struct {
	*httptest.ResponseRecorder
	waits    chan<- struct{} // gets a value when the response is being written
	released <-chan struct{}
}

func (w slowReader) Write(p []byte) (int, error) {
	w.waits <- struct{}{}
	<-w.released
	return w.ResponseRecorder.Write(p)
}

// readSlowly sends n requests for /history from an address and waits until each has an answer that is not read. The
// function release reads all answers.
func readSlowly(t *testing.T, handler http.Handler, query, address string, n int) (release func()) {
	t.Helper()
	waits, released := make(chan struct{}, n), make(chan struct{})
	var answers sync.WaitGroup
	for range n {
		r := httptest.NewRequest("GET", "/history?"+query, nil)
		r.RemoteAddr = address
		answers.Go(func() { handler.ServeHTTP(slowReader{httptest.NewRecorder(), waits, released}, r) })
	}
	for range n {
		<-waits
	}
	return sync.OnceFunc(func() {
		close(released)
		go func() {
			for range waits { // of further writes
			}
		}()
		answers.Wait()
		close(waits)
	})
}

// status returns the status of a request for /history, and checks that a rejection can be retried.
func status(t *testing.T, handler http.Handler, address string) int {
	t.Helper()
	response := serveHTTPFrom(handler, "/history", address)
	if response.Code != http.StatusOK && response.Header().Get("Retry-After") == "" {
		t.Errorf("%d without Retry-After", response.Code)
	}
	return response.Code
}

// TestSlowReadersOfHistoryAreLimited has addresses that read as few answers as slowly as they can. Another address
// gets its answer meanwhile, and everything is free afterwards.
func TestSlowReadersOfHistoryAreLimited(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   server.Options
		most   int // answers in progress for one address
		status int // of the next request
		reason string
	}{
		"answers":            {server.Options{}, 128, http.StatusServiceUnavailable, "history"},
		"max_clients_per_ip": {server.Options{MaxClientsPerIP: 3}, 3, http.StatusTooManyRequests, "max_clients_per_ip"},
		"buffers":            {server.Options{Buffers: budget.New(640 << 10)}, 5, http.StatusServiceUnavailable, "buffers"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Logger = quiet
			srv := server.New(logWith(t, 10, eventlog.Options{}).Reader, 0, tc.opts)
			release := readSlowly(t, srv, "", "[2001:db8::1]:1", tc.most)
			defer release()
			if got := status(t, srv, "[2001:db8::2]:1"); got != tc.status { // in the same /64
				t.Errorf("the next request of the address gets %d, want %d", got, tc.status)
			}
			if got := srv.Status().Rejected[tc.reason]; got != 1 {
				t.Errorf("%d rejections with reason %s, want 1", got, tc.reason)
			}
			if got := status(t, srv, "192.0.2.1:1"); got != http.StatusOK {
				t.Errorf("another address gets %d", got)
			}
			release()
			if got := srv.Status(); got.Buffers.Used != 0 || got.History != 0 {
				t.Errorf("afterwards: %+v", got)
			}
			if got := status(t, srv, "[2001:db8::2]:1"); got != http.StatusOK {
				t.Errorf("afterwards: %d", got)
			}
		})
	}
}

func TestClientsCountForHistory(t *testing.T) {
	srv, address := serve(t, logWith(t, 1, eventlog.Options{}), 0, server.Options{MaxClientsPerIP: 1})
	if _, _, err := dial(t, "ws://"+address, nil); err != nil {
		t.Fatal(err)
	}
	if got := status(t, srv, "127.0.0.1:1"); got != http.StatusTooManyRequests {
		t.Errorf("got %d beside a client, want 429", got)
	}
}

// TestUnreadHistoryTakesNoMemory has pages of 4 MiB that are not read.
func TestUnreadHistoryTakesNoMemory(t *testing.T) {
	const answers, events = 100, 1000
	log := openLog(t, eventlog.Options{})
	for n := range events {
		log.Append(event(t, fmt.Sprintf(`{"timestamp":%d,"x":"%s"}`, n, strings.Repeat("x", 4000))))
	}
	srv := server.New(log.Reader, 0, server.Options{Logger: quiet})
	before, _ := inUse()
	release := readSlowly(t, srv, "limit=1000", "192.0.2.1:1", answers)
	defer release()
	if now, _ := inUse(); now > before+answers*16<<10 {
		t.Errorf("%d KiB for %d answers", (now-before)>>10, answers)
	}
}

// TestHistoryPagesEndAtTheBudget has events of which some are larger than what the budget has left for an address while
// another one uses it. Pages end before them, and are rejected if they would be empty. Each event is in one page.
func TestHistoryPagesEndAtTheBudget(t *testing.T) {
	const events, used = 40, 390_000
	log := openLog(t, eventlog.Options{})
	for n := 1; n <= events; n++ {
		padding := strings.Repeat("x", n%10*40_000)
		log.Append(event(t, fmt.Sprintf(`{"timestamp":%d,"x":"%s"}`, n, padding)))
	}
	buffers, other := budget.New(2*used), netip.MustParsePrefix("192.0.2.2/32")
	srv := server.New(log.Reader, 0, server.Options{Buffers: buffers, Logger: quiet})
	var got []uint64
	rejected, next := 0, log.Epoch()+"-0"
	for more := true; more; {
		buffers.Acquire(other, used)
		response := serveHTTP(srv, "/history?since="+next)
		buffers.Release(other, used)
		if response.Code != http.StatusOK {
			rejected++
			if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") != "5" {
				t.Fatalf("got %d, %v", response.Code, response.Header())
			}
			response = serveHTTP(srv, "/history?limit=1&since="+next)
		}
		var p historyPage
		if err := json.Unmarshal(response.Body.Bytes(), &p); err != nil || len(p.Events) == 0 {
			t.Fatalf("%v, %d events", err, len(p.Events))
		}
		for _, e := range p.Events {
			got = append(got, e.ID.Seq)
		}
		next, more = p.Next, p.More
	}
	if len(got) != events || got[0] != 1 || got[events-1] != events || !slices.IsSorted(got) {
		t.Errorf("got %v, want 1 to %d", got, events)
	}
	if rejected == 0 || buffers.Status().Used != 0 {
		t.Errorf("%d rejections, then %+v", rejected, buffers.Status())
	}
}
