package admin_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/durable"
	"wpre-relay/relay/durable/durabletest"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/schema"
)

// failingJournal is a journal on a disk whose calls fail while broken is set, and the operators' view of it.
type failingJournal struct {
	t      *testing.T
	disk   *durabletest.Disk
	broken atomic.Bool
	events *eventlog.Log
	log    bytes.Buffer
	view   func(path string) (status int, body string)
	next   int // number of the next event
}

// openFailing opens a journal of which the named calls fail while broken is set. It must run in a synctest bubble.
func openFailing(t *testing.T, calls ...string) *failingJournal {
	j := &failingJournal{t: t, disk: durabletest.NewDisk(durabletest.Model{Piece: 512})}
	j.disk.Fail = func(_ int, call, _ string) error {
		if j.broken.Load() && strings.Contains(strings.Join(calls, " ")+" ", call+" ") {
			return durabletest.Partial{Err: syscall.EIO, Bytes: 1}
		}
		return nil
	}
	logger := slog.New(slog.NewTextHandler(&j.log, nil))
	files := admin.NewFileFailures(logger)
	var err error
	j.events, err = eventlog.Open("/state/relay", eventlog.Options{
		FS: durable.Observe(j.disk, files.Add), Logger: logger, Records: 4, MemoryRecords: 1, Age: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := server.New(j.events.Reader, 0, server.Options{Logger: logger})
	handler := admin.New(admin.Health{
		Relay:     relay.New(j.events, relay.Options{Logger: logger}),
		Server:    func() *server.Server { return served },
		Forward:   func() (sent, dropped, failed uint64) { return 0, 0, 0 },
		Accepting: func() error { return nil },
		Hangs:     func() error { return nil },
		Proxies:   func() (missing, unexpected uint64) { return 0, 0 },
		Files:     files,

		LogDropped: func() uint64 { return 0 },
	}, admin.NewMonitor(), admin.Options{})
	j.view = func(path string) (int, string) {
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, httptest.NewRequest("GET", path, nil))
		return response.Code, response.Body.String()
	}
	return j
}

// work appends events, reads the oldest one, and lets the journal be synced, for half a minute. It returns why the
// relay was not ready at some time, or "" if it was ready all the time.
func (j *failingJournal) work() (reason string) {
	j.t.Helper()
	for range 30 {
		j.next++
		event, _, err := schema.Decode(fmt.Appendf(nil, `{"timestamp":%d}`, j.next), 100)
		if err != nil {
			j.t.Fatal(err)
		}
		j.events.Append(event)
		j.events.Read(nil, 0, 1)
		time.Sleep(700 * time.Millisecond)
		synctest.Wait()
		if status, body := j.view("/readyz"); status != 200 {
			reason = body
		}
	}
	time.Sleep(12 * time.Second) // the oldest events expire
	synctest.Wait()
	return reason
}

// TestFailingCallsAreVisible fails each kind of call on the journal for half a minute. Each is in the log, in a metric
// and in the text of /readyz. While the journal does not hold all events, /readyz is 503.
func TestFailingCallsAreVisible(t *testing.T) {
	for _, tc := range []struct {
		calls    []string
		deleted  bool // the state directory is deleted
		notReady string
	}{
		{calls: []string{"write"}, notReady: "the journal does not hold all events: write"},
		{calls: []string{"sync"}, notReady: "the journal does not hold all events: sync"},
		{calls: []string{"syncdir"}, notReady: "the journal does not hold all events: syncdir"},
		{calls: []string{"open"}, notReady: "the journal does not hold all events: open"},
		{calls: []string{"rename"}, notReady: "the journal does not hold all events: rename"},
		{calls: []string{"truncate", "write"}, notReady: "the journal does not hold all events: truncate"},
		{calls: []string{"mkdir"}, deleted: true, notReady: "state files lost"},
		{calls: []string{"lock"}, deleted: true, notReady: "state files lost"},
		{calls: []string{"stat"}},
		{calls: []string{"read"}},
		{calls: []string{"remove"}},
		{calls: []string{"close"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := openFailing(t, tc.calls...)
			go j.events.KeepSynced(t.Context())
			if reason := j.work(); reason != "" {
				t.Errorf("not ready before: %s", reason)
			}
			j.broken.Store(true)
			if tc.deleted {
				j.disk.Remove("/state/relay")
			}
			j.wantFailure(tc.calls[0], j.work(), tc.notReady)
			j.broken.Store(false)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if reason := j.work(); reason != "" {
				t.Errorf("%v: not ready later: %s", tc.calls, reason)
			}
			for _, want := range []string{"wpre_relay_ready 1\n", "wpre_relay_journal_ok 1\n"} {
				if _, metrics := j.view("/metrics"); !strings.Contains(metrics, want) {
					t.Errorf("%v: /metrics has no %s", tc.calls, want)
				}
			}
		})
	}
}

// wantFailure checks that a failing call is visible. Reason is why the relay was not ready; it must contain want, and
// be empty if that is empty.
func (j *failingJournal) wantFailure(call, reason, want string) {
	j.t.Helper()
	if !strings.Contains(reason, want) || want == "" && reason != "" {
		j.t.Errorf("%s: not ready because of %q, want %q", call, reason, want)
	}
	if line := `msg="file operation failed" operation=` + call; !strings.Contains(j.log.String(), line) {
		j.t.Errorf("%s: no %s in the log:\n%s", call, line, &j.log)
	}
	_, metrics := j.view("/metrics")
	if zero := fmt.Sprintf("wpre_relay_file_errors_total{call=%q} 0\n", call); strings.Contains(metrics, zero) {
		j.t.Errorf("%s: not counted", call)
	}
	status, text := j.view("/readyz")
	if status == 200 && !strings.Contains(text, "calls on state files have failed, last at ") {
		j.t.Errorf("%s: /readyz does not name it: %q", call, text)
	}
}
