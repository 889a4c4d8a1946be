package simulation

import (
	"os"
	"sync"
	"time"
)

// pipe is one direction of a connection in memory.
type pipe struct {
	mu      sync.Mutex
	limit   int           // maximum number of bytes; 0: unlimited
	bytes   []byte        // guarded by mu
	err     error         // for writers, and for readers after the bytes; nil while the pipe is open; guarded by mu
	ended   time.Time     // when err was set; guarded by mu
	changed chan struct{} // closed and replaced at each change; guarded by mu
}

func newPipe(limit int) *pipe { return &pipe{limit: limit, changed: make(chan struct{})} }

// signal wakes everything that waits for a change. The caller holds mu.
func (p *pipe) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// read waits for bytes.
func (p *pipe) read(b []byte, d *deadline) (n int, err error) {
	expired := d.wait()
	for {
		p.mu.Lock()
		changed := p.changed
		n = copy(b, p.bytes)
		p.bytes = p.bytes[n:]
		if n > 0 {
			p.signal()
		} else {
			err = p.err
		}
		p.mu.Unlock()
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-changed:
		case <-expired:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// write waits until all bytes are in the pipe.
func (p *pipe) write(b []byte, d *deadline) (n int, err error) {
	expired := d.wait()
	for {
		p.mu.Lock()
		changed := p.changed
		if err = p.err; err == nil {
			room := len(b) - n
			if p.limit > 0 {
				room = min(room, p.limit-len(p.bytes))
			}
			if room > 0 {
				p.bytes = append(p.bytes, b[n:n+room]...)
				n += room
				p.signal()
			}
		}
		p.mu.Unlock()
		if err != nil || n == len(b) {
			return n, err
		}
		select {
		case <-changed:
		case <-expired:
			return n, os.ErrDeadlineExceeded
		}
	}
}

// take returns up to n bytes at once, and whether more can come.
func (p *pipe) take(n int) (b []byte, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, len(p.bytes))
	b, p.bytes = p.bytes[:n:n], p.bytes[n:]
	if n > 0 {
		p.signal()
	}
	return b, p.err == nil || len(p.bytes) > 0
}

// close closes the pipe, unless it is closed. With drop, the bytes in it are lost.
func (p *pipe) close(err error, drop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err, p.ended = err, time.Now()
	}
	if drop {
		p.bytes = nil
	}
	p.signal()
}

// end returns when the pipe was closed, or the present time if it is open.
func (p *pipe) end() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return time.Now()
	}
	return p.ended
}

// deadline is a deadline of reads or writes, as in net.Pipe.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer   // guarded by mu
	expired chan struct{} // closed at the deadline; guarded by mu
}

func newDeadline() *deadline { return &deadline{expired: make(chan struct{})} }

// wait returns a channel that is closed at the deadline.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expired
}

// set sets the deadline. The zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.expired // the timer's function is about to close it
	}
	d.timer = nil
	closed := false
	select {
	case <-d.expired:
		closed = true
	default:
	}
	left := time.Until(t)
	if t.IsZero() || left > 0 {
		if closed {
			d.expired = make(chan struct{})
		}
		if !t.IsZero() {
			expired := d.expired
			d.timer = time.AfterFunc(left, func() { close(expired) })
		}
	} else if !closed {
		close(d.expired)
	}
}
