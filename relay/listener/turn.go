package listener

import "time"

// turn is the right to accept connections, which one goroutine at a time has. It keeps the turn while it serves a
// handshake, which saves starting a goroutine for each. If the handshake takes longer than maxWait or may block, the
// turn passes to a new goroutine. Only the goroutine that has or had the turn uses it.
type turn struct {
	timer *time.Timer // calls next of newTurn; stopped between handshakes
}

// newTurn returns the turn of the calling goroutine. If that loses it, next is called on a new goroutine.
func newTurn(next func()) *turn {
	t := &turn{time.AfterFunc(time.Hour, next)}
	t.timer.Stop()
	return t
}

// begin begins a handshake. The caller must call end.
func (t *turn) begin() { t.timer.Reset(maxWait) }

// pass passes the turn on. It may be called several times before end.
func (t *turn) pass() {
	if t.timer.Stop() {
		t.timer.Reset(0)
	}
}

// end ends a handshake. It reports whether the goroutine still has the turn.
func (t *turn) end() bool { return t.timer.Stop() }
