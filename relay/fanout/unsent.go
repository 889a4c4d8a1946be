package fanout

import "wpre-relay/relay/eventlog"

// freeUnsent is the number of bytes without a record that a client may hold outside the budget, such as a gap notice, a
// ping or a close frame. Only a peer message is longer.
const freeUnsent = 512

// unsent is what a client gets before anything else: the rest of a frame that is begun, or a frame without a record. A
// client that waits for its socket holds this and nothing else.
type unsent struct {
	bytes []byte // the rest; nil if the frame has a record; read-only, since clients share it

	seq uint64           // of the frame's record; 0 if it has none
	rec *eventlog.Record // the frame's record; nil: it must be read from the log again

	sent int  // number of the frame's bytes that the kernel has taken
	held int  // bytes acquired from the budget
	last bool // it is the last message to the client
}

// hold makes u the first thing that c gets, and releases what c held before. Within the budget, it keeps u's record,
// so that the client can get the rest even if the log drops the record. Beyond the budget, the client depends on the
// log. A peer message beyond the budget is dropped if it is not begun, and otherwise the connection cannot continue.
func (c *client) hold(u *unsent) error {
	if c.unsent != nil {
		c.set.opts.Buffers.Release(c.network, c.unsent.held)
	}
	c.unsent = u
	switch {
	case u == nil:
	case u.rec != nil:
		if !c.acquire(len(u.rec.Event.Document)) {
			u.rec = nil
		}
	case len(u.bytes) > freeUnsent && !c.acquire(len(u.bytes)):
		c.unsent = nil
		if u.sent > 0 {
			return errBuffersFull
		}
	}
	return nil
}

// acquire takes n bytes from the budget for the unsent bytes of c.
func (c *client) acquire(n int) bool {
	ok := c.set.opts.Buffers.Acquire(c.network, n)
	if ok {
		c.unsent.held = n
	}
	return ok
}

// sendUnsent sends what c holds. It reports false if the socket is full before that.
func (c *client) sendUnsent(w *workspace) (whole bool, err error) {
	u := c.unsent
	if u == nil {
		return c.conn.flush()
	}
	rest := u.bytes
	if u.seq != 0 {
		if rest, err = c.encodeUnsent(w); err != nil {
			return false, err
		}
	}
	n, whole, err := c.conn.write(rest, w.writer)
	if err != nil {
		return false, err
	}
	if whole {
		return true, c.hold(nil)
	}
	u.sent += n
	if u.seq == 0 {
		u.bytes = u.bytes[n:]
	}
	return false, nil
}

// encodeUnsent returns the rest of the frame whose record c holds, or reads the record from the log again.
func (c *client) encodeUnsent(w *workspace) ([]byte, error) {
	u := c.unsent
	rec := u.rec
	if rec == nil {
		recs, _, _, err := c.set.log.Read(w.batch.recs, u.seq-1, 1)
		w.batch.recs = recs
		if err != nil {
			return nil, err
		}
		if len(recs) == 0 || recs[0].Position.Seq != u.seq {
			return nil, errFrameLost
		}
		rec = recs[0]
	}
	w.frame = c.format.appendRecord(w.frame[:0], rec)
	return w.frame[u.sent:], nil
}
