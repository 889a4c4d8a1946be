//go:build linux

package integration_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
)

// withPositions asks for messages that contain the position.
var withPositions = &websocket.DialOptions{Subprotocols: []string{"wpre.v1"}}

// roamer is a client that moves from relay to relay and resumes from its position. It fails the test unless it gets
// each event once and in order.
type roamer struct {
	t       *testing.T
	cluster *cluster
	since   string        // position of the last event that it got
	got     atomic.Int64  // number of that event
	last    *atomic.Int64 // number of the last event, 0 while more are written
	moves   int
}

func (c *roamer) hasAll() bool {
	last := c.last.Load()
	return last > 0 && c.got.Load() >= last
}

// roam reads until the client has all events or the test has failed.
func (c *roamer) roam(ctx context.Context) {
	for !c.t.Failed() && !c.hasAll() {
		c.readFrom(ctx, c.cluster.address[rand.IntN(len(c.cluster.address))])
		c.moves++
	}
}

// waitForEvent waits until the client gets another event or has all. It fails the test if that takes too long.
func (c *roamer) waitForEvent() {
	c.t.Helper()
	before := c.got.Load()
	if !testwait.Until(func() bool { return c.got.Load() > before || c.hasAll() || c.t.Failed() }) {
		c.t.Errorf("a client gets no event after %d", before)
	}
}

// readFrom reads at most 200 events from one relay. It returns when the connection ends or no event comes for a
// second.
func (c *roamer) readFrom(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, testwait.Limit)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+address+"/?since="+c.since, withPositions)
	if err != nil {
		time.Sleep(10 * time.Millisecond) // the relay is down
		return
	}
	defer conn.CloseNow()
	for range 1 + rand.IntN(200) {
		if c.hasAll() {
			return
		}
		stay, cancel := context.WithTimeout(ctx, time.Second)
		_, text, err := conn.Read(stay)
		cancel()
		if err != nil || !c.receive(text) {
			return
		}
	}
}

// receive reports whether a message is the next event.
func (c *roamer) receive(text []byte) bool {
	var message struct {
		ID    string
		Event struct{ Timestamp int64 }
		Gap   json.RawMessage
	}
	err := json.Unmarshal(text, &message)
	if err != nil || message.Gap != nil || message.Event.Timestamp != c.got.Load()+1 {
		c.t.Errorf("after event %d, at %s, a client gets %s", c.got.Load(), c.since, text)
		return false
	}
	c.since = message.ID
	c.got.Store(message.Event.Timestamp)
	return true
}
