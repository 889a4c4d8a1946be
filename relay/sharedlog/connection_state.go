package sharedlog

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// minRetryPause and maxRetryPause bound the pause before the broker is tried again. The pause doubles after each
	// attempt. It is randomized by half, so that relays do not reconnect all at once.
	minRetryPause = 50 * time.Millisecond
	maxRetryPause = 2 * time.Second

	// logInterval is the minimum time between two log messages about an unreachable broker.
	logInterval = time.Minute
)

// Status describes a relay's connection to the broker.
type Status struct {
	Connected  bool      `json:"connected"`
	Problem    string    `json:"problem"`    // why the broker is unreachable; "" while connected
	Since      time.Time `json:"since"`      // when Connected last changed
	Reconnects uint64    `json:"reconnects"` // number of times the connection was restored
	Pending    uint64    `json:"pending"`    // number of captured events that the broker has not acknowledged yet
	Lost       uint64    `json:"lost"`       // number of captured events that will never be published
}

// direction is what a relay does with the broker's stream. One may fail while the other succeeds.
type direction int

const (
	reading direction = iota
	publishing
	directions
)

// connectionState tracks whether the broker is reachable. The relay is connected once it has read, and while neither
// direction has a problem.
type connectionState struct {
	logger *slog.Logger

	mu       sync.Mutex
	read     bool               // reading has succeeded; guarded by mu
	joinErr  error              // of the last attempt to join; guarded by mu
	problems [directions]string // "" where there is none; guarded by mu
	current  Status             // without Pending; guarded by mu
	loggedAt time.Time          // when the current outage was last logged; guarded by mu
}

// status returns the current state, without Pending.
func (c *connectionState) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// setJoined records the result of an attempt to join.
func (c *connectionState) setJoined(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joinErr = err
}

// joinError returns the error of the last attempt to join. Until it is nil, nothing may be appended: the broker might
// take the entries for something that is not the stream, such as a classic queue of the same name, and lose them.
func (c *connectionState) joinError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joinErr
}

// isReading reports whether the relay reads all new entries.
func (c *connectionState) isReading() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read && c.problems[reading] == ""
}

// retry calls try with growing pauses until it succeeds or ctx ends, and returns ctx's error. It reports failures
// as a lost connection. It does not report success as a connection, because a relay may have the right to join but
// not to read.
func (c *connectionState) retry(ctx context.Context, d direction, try func() error) error {
	for pause := minRetryPause; ; pause = min(2*pause, maxRetryPause) {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.setDisconnected(d, err)
		if sleep(ctx, pause); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// sleep waits for a random time between half and one and a half of pause, or until ctx ends.
func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause/2 + rand.N(pause)):
	case <-ctx.Done():
	}
}

// setConnected records that a direction has succeeded.
func (c *connectionState) setConnected(d direction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems[d] = ""
	c.read = c.read || d == reading
	if problem := c.problem(); c.current.Connected || problem != "" || !c.read {
		c.current.Problem = problem
		return
	}
	reconnected := c.current.Problem != ""
	c.current.Connected, c.current.Problem, c.current.Since = true, "", time.Now()
	if reconnected {
		c.current.Reconnects++
		c.logger.Info("broker reconnected")
	}
}

// setDisconnected records that a direction has failed because of err, and logs it once per logInterval.
func (c *connectionState) setDisconnected(d direction, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.current.Connected || c.current.Problem == "" {
		c.current.Since, c.loggedAt = now, time.Time{}
	}
	if now.Sub(c.loggedAt) > logInterval {
		c.loggedAt = now
		c.logger.Warn("broker unreachable, retrying", "since", c.current.Since, "error", err)
	}
	c.problems[d] = err.Error()
	c.current.Connected, c.current.Problem = false, c.problem()
}

// problem returns why the relay is not connected: the problem with reading, which is usually that with publishing,
// too. The caller holds c.mu.
func (c *connectionState) problem() string {
	return cmp.Or(c.problems[reading], c.problems[publishing])
}

// addLost counts captured events that will never be published.
func (c *connectionState) addLost(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current.Lost += n
}
