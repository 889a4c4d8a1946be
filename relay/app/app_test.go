package app_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/app"
	"wpre-relay/relay/config"
	"wpre-relay/relay/eventlog"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// watcher stands in for what watches the file: it finds one event at the start and one more when it is to end.
type watcher struct {
	rel    *relay.Relay
	ready  chan struct{}
	breaks <-chan error
}

func (w *watcher) Run(ctx context.Context) error {
	if err := w.rel.Ingest(ctx, []byte(`{"timestamp":1}`), time.Now()); err != nil {
		return err
	}
	close(w.ready)
	select {
	case err := <-w.breaks:
		return err
	case <-ctx.Done():
		return w.rel.Ingest(context.WithoutCancel(ctx), []byte(`{"timestamp":2}`), time.Now())
	}
}

func (w *watcher) Ready() <-chan struct{} { return w.ready }

func (w *watcher) Status() admin.Watch { return admin.Watch{Mode: "scripted", Heartbeat: time.Now()} }

// settings are those of a relay on ports that the kernel chooses.
func settings(t *testing.T) config.Relay {
	t.Helper()
	s := config.Default()
	s.Watch, s.StateDir = t.TempDir(), t.TempDir()
	s.Listen, s.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	return s
}

// options return those with a watcher that breaks with what comes from breaks. serving is called once clients are served.
func options(breaks <-chan error, serving func()) app.Options {
	return app.Options{
		Locate: func(path string) (string, bool, error) { return filepath.Join(path, "event.json"), true, nil },
		Watch: func(_ string, _ config.Capture, rel *relay.Relay, _ bool) (app.Watcher, error) {
			return &watcher{rel: rel, ready: make(chan struct{}), breaks: breaks}, nil
		},
		Reload: func(context.Context, func()) { serving() },
		Logger: quiet,
	}
}

// kept returns how many events the journal of a relay that has ended holds.
func kept(t *testing.T, s config.Relay) uint64 {
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

func TestRunSaysWhyItEndedUnlessThatWasOnPurpose(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct{ cause, breaks, want error }{
		"stop":              {cause: app.ErrStop},
		"restart":           {cause: app.ErrRestart},
		"no cause":          {},
		"another cause":     {cause: broken, want: broken},
		"the watcher broke": {breaks: broken, want: broken},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		breaks := make(chan error, 1)
		end := func() { cancel(c.cause) }
		if c.breaks != nil {
			end = func() { breaks <- c.breaks }
		}
		if err := app.Run(ctx, settings(t), options(breaks, end)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		cancel(nil)
	}
}

func TestWhatIsIngestedLastIsKept(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("clients were not served"))
	defer cancel()
	s := settings(t)
	if err := app.Run(ctx, s, options(nil, cancel)); err != nil {
		t.Fatal(err)
	}
	if n := kept(t, s); n != 2 {
		t.Errorf("the journal holds %d events, want that of the start and that of the end", n)
	}
}

func TestAStartThatFailsLeavesTheJournalToOthers(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := settings(t)
	s.Listen = taken.Addr().String()
	if err := app.Run(t.Context(), s, options(nil, func() {})); err == nil {
		t.Errorf("%s is taken, and Run returned nil", s.Listen)
	}
	if n := kept(t, s); n != 0 {
		t.Errorf("the journal holds %d events, want none: nobody was sent any", n)
	}
}
