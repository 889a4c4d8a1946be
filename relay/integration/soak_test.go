//go:build linux

package integration_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/testwait"
)

// soakTime is how long TestSoak runs. scripts/soak.sh sets it to 30 minutes.
var soakTime = flag.Duration("soak", 8*time.Second, "how long TestSoak runs")

const (
	// soakSockets is the number of sockets that occupy a relay at the same time. A flood has its own number.
	soakSockets = 300

	// soakBacklog bounds the events of the companion that no client has received. The outbox keeps 1000 of them.
	soakBacklog = 500
)

// soak is three relays with their writers and clients. Relay "plugin" gets events in the plugin's way and over
// POST /publish, and has a filter and a short history. Relay "companion" has an outbox. Both run all the time, so that
// their resources can be judged. Relay "restarted" has an outbox too; it is stopped or killed every few seconds.
type soak struct {
	t       *testing.T
	started time.Time
	relays  []*soaked
	steady  []*soaked
	readers sync.WaitGroup
	writers sync.WaitGroup
	ctx     context.Context // ends when the writers stop
}

// TestSoak runs everything at once: writers in bursts, clients of each kind, clients that never read, floods, scrapes
// and restarts. No client misses an event without a gap notice or gets one twice or in the wrong order; only clients of
// a short history get gaps. After each disturbance, descriptors and goroutines are as few as before. In a run of at
// least 5 minutes, memory must not grow.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes seconds")
	}
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &soak{t: t, started: time.Now(), ctx: ctx}
	key := writeSecret(t)
	plugin := s.start("plugin", "--history", "200", "--publish-token", secret, "--jwt-key", key, "--allow-anonymous",
		"--filter", `type != "secret" or "editor" in claims.roles`, "--resume-cookie")
	outbox, restarted := s.start("companion"), s.start("restarted")
	plugin.key = key
	s.relays, s.steady = []*soaked{plugin, outbox, restarted}, []*soaked{plugin, outbox}
	s.writers.Go(func() { plugin.writeAsPlugin(ctx) })
	s.writers.Go(func() { plugin.publishEvents(ctx) })
	for _, on := range []*soaked{outbox, restarted} {
		s.writers.Go(func() { on.writeAsCompanion(ctx) })
	}
	for _, on := range s.relays {
		s.connect(on)
	}
	s.writers.Go(func() { restarted.restart(ctx) })
	s.disturb(time.Now().Add(*soakTime))
	stop()
	s.finish()
	s.report()
}

// connect starts the clients of a relay.
func (s *soak) connect(on *soaked) {
	kinds := []string{"websocket", "websocket", "events", "events", "history", "slow"}
	if on.key != "" {
		kinds = append(kinds, "token", "expiring", "page")
	}
	for _, kind := range kinds {
		r := newReader(s.t, on, kind)
		on.readers = append(on.readers, r)
		s.readers.Go(r.run)
	}
}

// disturb occupies or floods the relays that run all the time, one after the other, until the time is over. After each
// disturbance, it takes a sample of the relay's resources.
func (s *soak) disturb(until time.Time) {
	var all []string
	for kind := range floods {
		all = append(all, "flood "+kind)
	}
	for name, way := range occupations {
		if !way.secure && !way.auth && !way.hello && !way.large && way.sockets == 0 {
			all = append(all, "occupy "+name)
		}
	}
	hold := min(4*time.Second, *soakTime/20)
	for i := 0; time.Now().Before(until) && !s.t.Failed(); i++ {
		on := s.steady[i%len(s.steady)]
		how, name, _ := strings.Cut(all[rand.IntN(len(all))], " ")
		var connected <-chan struct{}
		var end func()
		switch {
		case how == "flood":
			connected, end = flood(s.t, name, on.address)
		case occupations[name].admin:
			connected, end = startOccupying(s.t, name, on.relay.admin, soakSockets)
		default:
			connected, end = startOccupying(s.t, name, on.address, soakSockets)
		}
		select {
		case <-connected:
			time.Sleep(hold)
		case <-on.relay.exited:
			s.t.Errorf("%s: the relay has exited; its log:\n%s", on.name, on.relay.log.String())
		}
		end()
		on.sample(time.Since(s.started))
	}
}

// finish stops the writers and waits until each client has all events. Then each relay stops, and none has leaked.
func (s *soak) finish() {
	s.writers.Wait()
	for _, on := range s.relays {
		if s.t.Failed() {
			break
		}
		on.writeLast()
	}
	for _, on := range s.relays {
		all := func() bool { return on.done.Load() == int32(len(on.readers)) }
		on.waitUntil(s.t.Context(), "the last event of a client", all)
	}
	s.readers.Wait()
	for _, on := range s.steady {
		on.checkIdle()
		on.checkFlat()
	}
	for _, on := range s.relays {
		if status := on.relay.stop(syscall.SIGTERM); status != 0 {
			s.t.Errorf("%s: exit status %d", on.name, status)
		}
	}
}

// waitUntil waits until ok returns true, ctx ends or the test has failed. In a long run, it waits longer than other
// tests, because other programs may take the processors for a while.
func (on *soaked) waitUntil(ctx context.Context, what string, ok func() bool) {
	on.t.Helper()
	deadline := time.Now().Add(*soakTime / 4)
	for !testwait.Until(func() bool { return ok() || ctx.Err() != nil || on.t.Failed() }) {
		if time.Now().After(deadline) {
			_, goroutines := on.relay.get("/debug/pprof/goroutine?debug=1")
			log := on.relay.log.String()
			on.t.Errorf("%s: %s takes too long: event %d written, %d received; log:\n%s\ngoroutines:\n%s", on.name, what,
				on.last.Load(), on.received.Load(), log[max(0, len(log)-3000):], goroutines)
			return
		}
	}
}
