package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// connect connects the clients. It returns when the server has answered all handshakes, or has answered none for
// handshakeTimeout. It returns an error if no client is connected then.
func (r *run) connect(ctx context.Context) error {
	s := r.clients
	r.describe = r.describeConnecting
	start, opened, answered := s.now(), 0, 0
	deadline := start + handshakeTimeout
	for ctx.Err() == nil && answered < r.opts.Clients && s.now() < deadline {
		for ; opened < r.opts.Clients && s.connections.pending < maxPending; opened++ {
			if err := s.open(int32(opened), r.opts.role(opened)); err != nil {
				return err
			}
		}
		if err := r.step(deadline); err != nil {
			return err
		}
		if n := s.connections.connected + s.connections.rejected; n > answered {
			answered, deadline = n, s.now()+handshakeTimeout
		}
		r.connectTime = s.now() - start
	}
	if ctx.Err() != nil {
		return nil
	}
	s.rejectPending(fmt.Errorf("the server answered no handshake for %v", handshakeTimeout))
	if s.connections.connected == 0 && s.connections.firstRejection != nil {
		return fmt.Errorf("the server at %s rejected all clients: %w", r.opts.URL, s.connections.firstRejection)
	}
	return nil
}

// role returns the role of client i. Stalled clients are spread evenly over all clients.
func (o *Options) role(i int) role {
	if (i+1)*o.Stalled/o.Clients > i*o.Stalled/o.Clients {
		return stalled
	}
	return reader
}

// writeWithHerd writes the events while the herd connects, and then waits until all of the herd are connected.
func (r *run) writeWithHerd(ctx context.Context) error {
	r.herd.start(ctx, &r.clients.series, (r.opts.Events+1)/2)
	err := r.writeEvents(ctx)
	if err == nil {
		err = r.runUntil(ctx, math.MaxInt64, r.herd.joined)
	}
	return errors.Join(err, r.herd.stop())
}

// writeEvents writes the events and waits until each has reached all clients. With NoWait it waits only for the last
// one.
func (r *run) writeEvents(ctx context.Context) error {
	s := r.clients
	w := startWriter(ctx, r.opts, &s.series, s.start)
	for n := 1; n <= r.opts.Events && ctx.Err() == nil && !r.opts.NoWait; n++ {
		w.allow()
		if err := r.awaitDelivery(n, w); err != nil {
			return errors.Join(err, w.stop())
		}
	}
	w.allowAll()
	return errors.Join(r.awaitDelivery(r.opts.Events, w), w.stop())
}

// awaitDelivery waits until event n has reached all clients, or no client receives an event for DeliveryTimeout. If the
// writer has ended, it waits for the newest event. It ignores the end of the run's context, so that a run that is
// stopped does not count the deliveries in progress as lost.
func (r *run) awaitDelivery(n int, w *writer) error {
	s := r.clients
	received, newest := s.recorder.Deliveries(), s.now()
	for {
		ended := w.ended()
		s.addStarted()
		switch started, got := s.recorder.Events() >= n || ended, s.recorder.Deliveries(); {
		case started && !s.recorder.Outstanding():
			return r.checkClientsLeft()
		case !started || got > received:
			received, newest = got, s.now()
		case s.now() > newest+r.opts.DeliveryTimeout:
			return r.checkClientsLeft()
		}
		if err := r.step(s.now() + stepInterval); err != nil {
			return err
		}
	}
}

// countExternal counts the events that others write, for Duration.
func (r *run) countExternal(ctx context.Context) error {
	s := r.clients
	s.external = true
	err := r.runUntil(ctx, s.now()+r.opts.Duration, func() bool { return s.connected == 0 })
	return errors.Join(err, r.checkClientsLeft())
}

// checkClientsLeft returns an error if no client is connected any more.
func (r *run) checkClientsLeft() error {
	if r.clients.connected > 0 {
		return nil
	}
	connections := &r.clients.connections
	err := fmt.Errorf("the server closed all clients: %s", describeCloses(connections.closed, connections.violations))
	if connections.firstViolation != nil {
		err = fmt.Errorf("%w; the server sent %w", err, connections.firstViolation)
	}
	return err
}
