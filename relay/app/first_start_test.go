package app_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/relay"
	"wpre-relay/relay/app"
	"wpre-relay/relay/config"
)

var errBroken = errors.New("broken")

// failedStarts run a relay that fails to start. taken is an address in use.
var failedStarts = map[string]func(ctx context.Context, s config.Relay, o app.Options, taken string) error{
	"port in use": func(ctx context.Context, s config.Relay, o app.Options, taken string) error {
		s.Listen = taken
		return app.Run(ctx, s, o)
	},
	"admin port in use": func(ctx context.Context, s config.Relay, o app.Options, taken string) error {
		s.AdminListen = taken
		return app.Run(ctx, s, o)
	},
	"no watcher": func(ctx context.Context, s config.Relay, o app.Options, _ string) error {
		o.Watch = func(string, config.Capture, *relay.Relay, bool) (app.Watcher, error) { return nil, errBroken }
		return app.Run(ctx, s, o)
	},
	"watcher fails": func(ctx context.Context, s config.Relay, o app.Options, _ string) error {
		o.Watch = func(_ string, _ config.Capture, rel *relay.Relay, _ bool) (app.Watcher, error) {
			failures := make(chan error, 1)
			failures <- errBroken
			return &watcher{rel: rel, ready: make(chan struct{}), failures: failures, neverReady: true}, nil
		}
		return app.Run(ctx, s, o)
	},
	"stopped at once": func(ctx context.Context, s config.Relay, o app.Options, _ string) error {
		o.Watch = func(_ string, _ config.Capture, rel *relay.Relay, _ bool) (app.Watcher, error) {
			return &watcher{rel: rel, ready: make(chan struct{}), neverReady: true}, nil
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		app.Run(ended, s, o)
		return errBroken
	},
}

// TestFailedFirstStartLeavesNoTrace lets the first start fail in each way. The next start is a first start, too: it
// passes only the newest line of the outbox.
func TestFailedFirstStartLeavesNoTrace(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, start := range failedStarts {
		t.Run(name, func(t *testing.T) {
			s := settings(t)
			s.StateDir = filepath.Join(s.StateDir, "state")
			if err := start(t.Context(), s, options(nil, func() {}), listener.Addr().String()); err == nil {
				t.Fatal("Run returned nil")
			}
			if _, err := os.Lstat(s.StateDir); err == nil {
				t.Error("the failed start left a state directory")
			}
			if !isFirstStart(t, s) || isFirstStart(t, s) {
				t.Error("want a first start after the failed one, and no first start after that")
			}
		})
	}
}

// isFirstStart runs a relay until it serves, and reports whether it took only the newest line of the outbox.
func isFirstStart(t *testing.T, s config.Relay) (newest bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options(nil, cancel)
	watch := o.Watch
	o.Watch = func(file string, capture config.Capture, rel *relay.Relay, newestOnly bool) (app.Watcher, error) {
		newest = newestOnly
		return watch(file, capture, rel, newestOnly)
	}
	if err := app.Run(ctx, s, o); err != nil {
		t.Fatal(err)
	}
	return newest
}
