package app_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/app"
	"wpre-relay/relay/config"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/testwait"
)

var quiet = slog.New(slog.DiscardHandler)

// watcher is a fake Watcher. It ingests one event at the start and another one when it stops.
type watcher struct {
	rel      *relay.Relay
	ready    chan struct{}
	failures <-chan error

	neverReady bool
}

func (w *watcher) Run(ctx context.Context) error {
	if err := w.rel.Ingest(ctx, []byte(`{"timestamp":1}`), time.Now()); err != nil {
		return err
	}
	if !w.neverReady {
		close(w.ready)
	}
	select {
	case err := <-w.failures:
		return err
	case <-ctx.Done():
		return w.rel.Ingest(context.WithoutCancel(ctx), []byte(`{"timestamp":2}`), time.Now())
	}
}

func (w *watcher) Ready() <-chan struct{} { return w.ready }

func (w *watcher) Status() admin.Watch { return admin.Watch{Mode: "scripted", Heartbeat: time.Now()} }

// settings returns the settings of a relay on ports that the kernel chooses.
func settings(t *testing.T) config.Relay {
	t.Helper()
	s := config.Default()
	s.Watch, s.StateDir = t.TempDir(), t.TempDir()
	s.Listen, s.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	return s
}

// options returns options with a watcher that fails with the errors from failures. serving is called once clients
// are served.
func options(failures <-chan error, serving func()) app.Options {
	return app.Options{
		Locate: func(path string) (string, string, error) { return filepath.Join(path, "event.json"), "", nil },
		Watch: func(_ string, _ config.Capture, rel *relay.Relay, _ bool) (app.Watcher, error) {
			return &watcher{rel: rel, ready: make(chan struct{}), failures: failures}, nil
		},
		Reload: func(context.Context, func()) { serving() },
		Logger: quiet,
	}
}

// journaled returns the number of events in the journal of a relay that has stopped.
func journaled(t *testing.T, s config.Relay) uint64 {
	t.Helper()
	state, err := s.StatePath(filepath.Join(s.Watch, "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := eventlog.Open(state, eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	return log.Head().Seq
}

func TestRunReturnsTheCauseUnlessIntended(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct{ cause, failure, want error }{
		"stop":              {cause: app.ErrStop},
		"restart":           {cause: app.ErrRestart},
		"no cause":          {},
		"another cause":     {cause: broken, want: broken},
		"the watcher fails": {failure: broken, want: broken},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		failures := make(chan error, 1)
		end := func() { cancel(c.cause) }
		if c.failure != nil {
			end = func() { failures <- c.failure }
		}
		if err := app.Run(ctx, settings(t), options(failures, end)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		cancel(nil)
	}
}

func TestLastEventsAreInTheJournal(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), testwait.Limit, errors.New("clients were not served"))
	defer cancel()
	s := settings(t)
	if err := app.Run(ctx, s, options(nil, cancel)); err != nil {
		t.Fatal(err)
	}
	if n := journaled(t, s); n != 2 {
		t.Errorf("the journal holds %d events, want 2", n)
	}
}

func TestFailedStartReleasesTheJournal(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := settings(t)
	s.Listen = taken.Addr().String()
	if err := app.Run(t.Context(), s, options(nil, func() {})); err == nil {
		t.Errorf("Run returned nil, although %s is in use", s.Listen)
	}
	if n := journaled(t, s); n != 0 {
		t.Errorf("the journal holds %d events, want none, since none was delivered", n)
	}
}

// TestDoubtAboutTheEventFileIsLogged starts a relay whose event file may be the wrong one.
func TestDoubtAboutTheEventFileIsLogged(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	opts := options(nil, func() { cancel(app.ErrStop) })
	var log bytes.Buffer
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	opts.Locate = func(path string) (string, string, error) {
		return filepath.Join(path, "event.json"), "cannot be determined", nil
	}
	if err := app.Run(ctx, settings(t), opts); err != nil {
		t.Fatal(err)
	}
	const want = `level=WARN msg="the event file may be another one" reason="cannot be determined"`
	if !strings.Contains(log.String(), want) {
		t.Errorf("no warning in the log:\n%s", &log)
	}
}
